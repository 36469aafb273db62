"""What a hub does that not every hub does: the modes in which the local one can be run.

`PLAIN` answers as huggingface_hub expects. `SELF_HOSTED` has nothing but what such servers have in common: it is
modelled on the source of matrixhub's hfd (https://github.com/matrixhub-ai/hfd at c4fdaa7, its handlers and
hf-api-status.md) and leaves out more: no answer names an X-Error-Code, and nothing of Hugging Face's API is there that
is not needed. `PUBLIC` does what Hugging Face's documentation and public reports say of the real Hub and, where they
are silent, the harder of two readings; each field names its source. Nobody here has compared it with the real Hub:
`make test-hub` does, for whoever has a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

WINDOW_SECONDS: Final = 300.0
"""https://huggingface.co/docs/hub/rate-limits: "All quotas are calculated over 5-minute fixed windows"."""
FREE_USER_QUOTAS: Final[Mapping[str, int]] = {"api": 1000, "resolvers": 5000, "pages": 200}
"""Requests of a free user in a window (the same page, "Rate limit Tiers")."""


@dataclass(frozen=True)
class Mode:
    """One kind of hub.

    Attributes:
        error_codes: errors have X-Error-Code and X-Error-Message, by which huggingface_hub tells them apart. Without
            them a missing repository is a 404 for everybody.
        extras: whoami-v2, validate-yaml, paths-info and auth-check exist. hfd has no paths-info and no auth-check.
        tracks_media: the first .gitattributes of a dataset sends videos and images through LFS.
        moved_head_status: what a commit is answered with whose parent is no longer the head; hfd says 500
            (handler_hf_upload.go, handleCommit).
        delay_seconds: how long every answer takes more than it has to.
        window_seconds, quotas: rate limits by the bucket of a request, in RateLimit and RateLimit-Policy of every
            answer, as https://huggingface.co/docs/hub/rate-limits describes them; no quotas: no limit, no headers. What
            bucket the Git LFS endpoints are in is not written anywhere: the smaller one is assumed, api.
        gives_back_uncommitted: an object that no commit names can be downloaded. Git LFS says nothing of commits
            (docs/api/batch.md); of the real Hub nothing is written: assumed is that it cannot.
        remembers_deleted: the LFS batch calls an object present that only a deleted dataset of the same name had, and
            the commit then says that it does not exist (https://github.com/huggingface/huggingface_hub/issues/3829).
        xet_only: the LFS batch answers no other transfer than xet. Since
            https://github.com/huggingface/huggingface_hub/pull/3381 the server chooses it; that it may choose xet for
            a client that did not offer it is the harder reading.
        lost_commit_files: a commit of so many files or more is made, but its answer is 504: the gateway in front gives
            up after a minute (https://github.com/huggingface/huggingface_hub/issues/2375, /issues/3186).
    """

    error_codes: bool = True
    extras: bool = True
    tracks_media: bool = True
    moved_head_status: int = 412
    delay_seconds: float = 0.0
    window_seconds: float = WINDOW_SECONDS
    quotas: Mapping[str, int] = field(default_factory=dict)
    gives_back_uncommitted: bool = True
    remembers_deleted: bool = False
    xet_only: bool = False
    lost_commit_files: int | None = None

    def with_quotas(self, window_seconds: float, **quotas: int) -> "Mode":
        """The same with other limits, for a test that cannot wait for five minutes."""
        return replace(self, window_seconds=window_seconds, quotas=quotas)


PLAIN: Final = Mode()
SELF_HOSTED: Final = Mode(
    error_codes=False,
    extras=False,
    tracks_media=False,
    moved_head_status=500,
    delay_seconds=0.005,
    quotas=FREE_USER_QUOTAS,
)
PUBLIC: Final = Mode(
    quotas=FREE_USER_QUOTAS,
    gives_back_uncommitted=False,
    remembers_deleted=True,
    lost_commit_files=5,
)
MODES: Final[Mapping[str, Mode]] = {"plain": PLAIN, "self-hosted": SELF_HOSTED, "public": PUBLIC}
