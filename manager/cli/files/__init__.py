"""Files of identifiers: what a user has, read as a stream, in whatever form it comes."""

from manager.cli.files.files import IdentifierFile, IdentifierFiles
from manager.cli.files.options import Format, Options

__all__ = ["Format", "IdentifierFile", "IdentifierFiles", "Options"]
