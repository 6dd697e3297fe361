"""Trained networks as ONNX files, which other programs run without this tool."""
