"""One search over notes, files and mail: the way round when another search tool fails."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from umi_edge.tools.builtin import shapes
from umi_edge.tools.builtin.files import FileShelf
from umi_edge.tools.builtin.mail import Mailbox
from umi_edge.tools.builtin.notes import Notebook
from umi_edge.tools.builtin.words import has_words, snippet
from umi_edge.tools.json_type import JSON
from umi_edge.tools.outcome import Partial
from umi_edge.tools.record import Sourced
from umi_edge.tools.tool import Tool, tool

_SNIPPET = 400
_MAX_HITS = 20


def tools(notebook: Notebook, shelf: FileShelf, mailbox: Mailbox) -> tuple[Tool, ...]:
    """`search.everywhere`."""

    @tool(name="search.everywhere", source="builtin", read_only=True, returns=shapes.HITS)
    def everywhere(query: Annotated[str, Field(min_length=1, max_length=300)]) -> Sourced:
        """Search the user's notes, files and mail subjects at once. Use it when another search fails.

        Args:
            query: The words.
        """
        notes_found, notes_lost = notebook.search(query)
        files_found, files_lost = shelf.search(query)
        letters, mail_lost = mailbox.messages()
        hits: list[JSON] = [
            {"kind": "note", "id": n.id, "title": n.title, "snippet": snippet(n.text, query, _SNIPPET)}
            for n in notes_found
        ]
        hits += [
            {
                "kind": "file",
                "id": file.path,
                "title": file.path.rpartition("/")[2],
                "snippet": snippet(file.text, query, _SNIPPET),
            }
            for file in files_found
        ]
        hits += [
            {"kind": "mail", "id": message.id, "title": message.subject, "snippet": message.sender}
            for message in letters
            if has_words(message.subject, query)
        ]
        records = [note.record(()) for note in notes_found]
        records += [replace(file.record(()), store="files") for file in files_found]
        told = (replace(one, at=("hits", index)) for index, one in enumerate(records[:_MAX_HITS]))
        lost = (*notes_lost, *files_lost, *mail_lost)
        return Sourced(Partial.counted({"hits": hits[:_MAX_HITS]}, lost), tuple(told))

    return (everywhere,)
