"""From trained weights to the one file that is shipped.

In: a network. Out: an ONNX file under the contract, compared with torch before it is kept.
"""
