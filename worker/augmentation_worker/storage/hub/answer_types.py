"""The types of what a hub answers: huggingface_hub hands over whatever stood in the JSON, typed as what it should be.

Each raises TypeError, which `explained` turns into what is wrong with the hub.
"""

from huggingface_hub.hf_api import GitRefs, RepoFile


def text(value: object) -> str:
    """A text."""
    if not isinstance(value, str):
        raise TypeError(f"a text is {type(value).__name__}")
    return value


def listed_file(file: RepoFile) -> RepoFile:
    """A file of which path, identities and size are what they should be."""
    for value in (file.path, file.blob_id, *((file.lfs.sha256,) if file.lfs else ())):
        text(value)
    if not isinstance(file.size, int) or isinstance(file.size, bool) or file.size < 0:
        raise TypeError(f"a size is {type(file.size).__name__}")
    return file


def named_refs(refs: GitRefs) -> GitRefs:
    """Branches and tags of which each has a name and a commit."""
    for ref in (*refs.branches, *refs.tags):
        text(ref.name)
        text(ref.target_commit)
    return refs
