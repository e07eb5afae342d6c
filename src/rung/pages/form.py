"""What a form must carry: the token that only a page of this session holds (against cross-site request forgery).

Every route that takes a POST takes its fields as :data:`Posted`, and so cannot forget the check.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from rung.pages.guard import Refused, same, sign

MOST_FILES = 8


def csrf_of(request: Request) -> str:
    """The token for the forms of this session."""
    return sign(request.app.state.settings, "csrf", request.state.session or "")


async def posted(request: Request) -> AsyncIterator[FormData]:
    """The fields of a form whose token is right; 403 otherwise. Its files are closed behind the answer."""
    async with request.form(max_files=MOST_FILES, max_fields=500) as form:
        given = form.get("csrf")
        if not isinstance(given, str) or not same(given, csrf_of(request)):
            raise Refused(
                403, "the form is not of this session: reload the page and send it again",
                "表单不属于当前会话：请刷新页面后重新提交",
            )  # fmt: skip
        yield form


Posted = Annotated[FormData, Depends(posted)]


def field(form: FormData, name: str) -> str:
    """A text field without blanks around it; "" where it is missing."""
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def fields(form: FormData, name: str) -> list[str]:
    """All values of a field that may stand several times."""
    return [value for value in form.getlist(name) if isinstance(value, str) and value]


def files(form: FormData, name: str) -> list[UploadFile]:
    """The files of a field; a picker without a choice sends one without a name."""
    return [value for value in form.getlist(name) if isinstance(value, UploadFile) and value.filename]
