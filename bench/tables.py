# SPDX-License-Identifier: Apache-2.0
"""`tables.py MARKDOWN...`: each table of docs/performance.md that one of these files, which
`firn bench --markdown` wrote, has for the same family, set and threads is replaced by that."""
import pathlib
import re
import sys

DOCUMENT = pathlib.Path(__file__).parent.parent / "docs" / "performance.md"
# A title names family, set, threads and how many runs; then come a blank line and the table.
TABLE = re.compile(r"^\*\*(?P<place>\w[\w-]*, \d+x\d+\+\d+, \d+ threads?)(?P<runs>, [^*\n]+)?\*\*"
                   r"(?P<words>[^|]*?\n\n)(?P<lines>(?:\|.*\n)+)", re.MULTILINE)


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    made = {}
    for path in sys.argv[1:]:
        text = pathlib.Path(path).read_text()
        made.update((table["place"], table) for table in TABLE.finditer(text))

    def replaced(old):
        new = made.pop(old["place"], None)
        if new is None:
            return old[0]
        return f"**{old['place']}{new['runs']}**{old['words']}{new['lines']}"

    text = TABLE.sub(replaced, DOCUMENT.read_text())
    if made:
        places = "; ".join(made)
        sys.exit(f"{DOCUMENT.name} has no table of {places}: write its title, any table below")
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    main()
