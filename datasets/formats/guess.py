"""What a file looks like where nobody has said how it is written."""

from dataclasses import replace

from ...errors import DataError
from .file_format import Form, decode
from .table_reader import read_table

DELIMITERS = (",", ";", "\t", "|")


def readable_form(content: bytes, source: str, form: Form) -> Form:
    """The form in which the file, CSV or TSV, is a table of at least two columns: `form` itself, or another delimiter or use of quotes.

    Raises the DataError of `form` where there is none; a file of one column is read as `form` has it, whatever `form.columns` names.
    """
    decode(content, source)
    others = [form.separator, *(each for each in DELIMITERS if each != form.separator)]
    for quoting in (form.quoted, not form.quoted):
        for delimiter in others:
            tried = Form(form.format, header=False, quoting=quoting, delimiter=delimiter)
            try:
                if len(read_table(content, source, tried).columns) > 1:
                    return _stated(form, tried)
            except DataError:
                continue
    read_table(content, source, replace(form, columns={}))
    return form


def _stated(form: Form, found: Form) -> Form:
    """The form with what it takes to read the file, where that differs from what the form says itself."""
    quoting = form.quoting if found.quoted == form.quoted else found.quoted
    delimiter = form.delimiter if found.separator == form.separator else found.delimiter
    return Form(form.format, form.header, quoting, form.columns, delimiter, form.remedy)
