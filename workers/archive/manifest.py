"""An archive of jobs: a ZIP file whose members are listed, with their sizes and digests.

manifest.json               this list
jobs/<id>.json              a job, a `JobRecord`
artifacts/<key>             what lies in the artifact store under that key

Members are stored, not compressed: draws hardly compress, and no member can be larger than the
file. Nothing in it is code, and nothing is unpickled.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from workers.errors import WorkerError

NAME = "manifest.json"
#: Of the format; a reader takes this one and earlier ones.
VERSION = 1
#: Before the key of an artifact.
ARTIFACTS = "artifacts/"


class ArchiveError(WorkerError):
    """The archive cannot be used."""


class Member(BaseModel):
    """A file of the archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bytes: int = Field(ge=0)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What an archive holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["credence-jobs"] = "credence-jobs"
    version: int = VERSION
    #: The version of the program that wrote it.
    program: str
    written_at: AwareDatetime
    jobs: list[str]
    #: By name, all but this one.
    members: dict[str, Member]


def job_member(job_id: str) -> str:
    """Return the name of a job's member."""
    return f"jobs/{job_id}.json"
