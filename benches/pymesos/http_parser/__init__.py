"""What pymesos needs of the package http-parser, which does not build for Python 3.11."""
