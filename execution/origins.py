"""Requests of pages from other origins: a preflight that is refused is told in JSON, as all is."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from execution import answers
from execution.refusal import BAD_REQUEST, RequestRefused
from execution.view import request_id

_TOLD_BY_ANSWERS = frozenset({"content-type", "content-length"})


class OriginsMiddleware(CORSMiddleware):
    """Takes what Starlette's takes, and adds the headers that it adds."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == HTTPStatus.OK:
            return response
        headers = {n: v for n, v in response.headers.items() if n not in _TOLD_BY_ANSWERS}
        message = f"{bytes(response.body).decode()}."
        refused = answers.refused(
            RequestRefused(response.status_code, BAD_REQUEST, message, headers)
        )
        return refused.response(answers.PLAIN_JSON, request_id(request_headers))
