"""The records of event files, in the TFRecord format. TensorBoard's own writer takes as long to import as all of NumPy."""

import struct

POLYNOMIAL = 0x82F63B78
"""The polynomial of CRC-32C, with its bits reversed."""
MASK = 0xA282EAD8


def record(content: bytes) -> bytes:
    """A record: the content's length and the content, each followed by its checksum."""
    length = struct.pack("<Q", len(content))
    return length + checksum(length) + content + checksum(content)


def checksum(content: bytes) -> bytes:
    """CRC-32C, masked as in TensorFlow: rotated by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ CRC_OF_BYTE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF)


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


CRC_OF_BYTE = [_crc_of_byte(byte) for byte in range(256)]
