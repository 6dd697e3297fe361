"""Sums of words, as in `king - man + woman`."""


def parsed(text: str) -> list[tuple[int, str]] | str:
    """Each word with its sign, 1 or -1, or an error message. Signs need a space on either side, since words may contain them."""
    parts = text.split()
    if not parts:
        return "it contains no word"
    if len(parts) == 1:
        return [(1, parts[0])]
    signs, words = ["+", *parts[1::2]], parts[::2]
    if len(parts) % 2 == 0 or not set(signs) <= {"+", "-"}:
        return "give one word, or several with `+` or `-` between any two and spaces around it, such as `king - man + woman`"
    return [(1 if sign == "+" else -1, word) for sign, word in zip(signs, words, strict=True)]
