"""The log lines of connections and their requests: logins, registrations, refusals, changes of rooms.

A ``send`` that is stored has no line. Texts, passwords, tokens and invitation codes are in no line.
"""

import logging
from asyncio import AbstractEventLoop

from chatroom.protocol import requests
from chatroom.protocol.errors import (
    ChatError,
    LineTooLong,
    LoginTimeout,
    RateLimited,
    Refusal,
    SlowConsumer,
    TooManyAttempts,
)
from chatroom.protocol.requests import Request
from chatroom.server.net.event_log import EventThrottle, log_event
from chatroom.server.state.directory import LiveAccount, Speaker

DONE_EVENTS: dict[type[Request], str] = {
    requests.Register: "registered",
    requests.Login: "login",
    requests.Resume: "login",
    requests.Logout: "logout",
    requests.ChangePassword: "password_changed",
    requests.DeleteAccount: "account_deleted",
    requests.CreateRoom: "room_created",
    requests.CloseRoom: "room_deleted",
    requests.SetRoom: "room_changed",
    requests.TransferRoom: "room_transferred",
    requests.AddModerator: "moderator_added",
    requests.RemoveModerator: "moderator_removed",
    requests.Kick: "kicked",
    requests.Ban: "banned",
    requests.Unban: "unbanned",
    requests.MakeInvitation: "invitation_created",
}
"""Events for requests that succeeded."""

FAILED_EVENTS: dict[type[Request], str] = {
    requests.Register: "registration_failed",
    requests.Login: "login_failed",
    requests.Resume: "login_failed",
    requests.ChangePassword: "password_change_failed",
    requests.DeleteAccount: "account_deletion_failed",
}
"""Events for requests that were refused."""

LOGIN_METHODS: dict[type[Request], str] = {requests.Login: "password", requests.Resume: "token"}

DROP_LEVELS: dict[type[ChatError], int] = {
    SlowConsumer: logging.WARNING,
    LineTooLong: logging.WARNING,
    LoginTimeout: logging.INFO,
}
"""Levels of the line for a connection that the server ended for one of these reasons."""


class SessionLog:
    def __init__(self, loop: AbstractEventLoop) -> None:
        self._throttle = EventThrottle(loop)

    def connection_opened(self, speaker: Speaker) -> None:
        log_event(logging.DEBUG, "connection_opened", {"address": speaker.address})

    def connection_closed(self, speaker: Speaker, reason: ChatError | None) -> None:
        fields = _account_field(speaker) | ({} if reason is None else {"code": reason.code})
        if reason is not None and (level := DROP_LEVELS.get(type(reason))):
            self._throttle.log_event(level, "connection_dropped", speaker.address, fields)
        log_event(logging.DEBUG, "connection_closed", {"address": speaker.address, **fields})

    def request_done(self, speaker: Speaker, account: LiveAccount | None, request: Request) -> None:
        """Log a request that changed something. A logout has ended the speaker's session with ``account``."""
        event = DONE_EVENTS.get(type(request))
        if event is None:
            return
        names = {} if account is None else {"account": account.username}
        fields = names | _request_fields(request)
        self._throttle.log_event(logging.INFO, event, speaker.address, fields)

    def request_refused(self, speaker: Speaker, request: Request, error: ChatError) -> None:
        code = {"code": error.code}
        if event := FAILED_EVENTS.get(type(request)):
            fields = _account_field(speaker) | _request_fields(request) | code
            self._throttle.log_event(logging.WARNING, event, speaker.address, fields)
        elif isinstance(error, RateLimited | TooManyAttempts):
            fields = _account_field(speaker) | _request_fields(request) | _request_type(request) | code
            self._throttle.log_event(logging.WARNING, "limit_reached", speaker.address, fields)
        elif isinstance(error, Refusal):
            fields = _account_field(speaker) | _request_type(request) | code
            log_event(logging.DEBUG, "request_refused", {"address": speaker.address, **fields})


def _account_field(speaker: Speaker) -> dict[str, str]:
    return {} if speaker.account is None else {"account": speaker.account.username}


def _request_type(request: Request) -> dict[str, str]:
    return {"request": str(request.__struct_config__.tag)}


def _request_fields(request: Request) -> dict[str, str]:
    """The names in a request."""
    match request:
        case requests.Register(username=username) | requests.Login(username=username):
            fields = {"account": username}
        case requests.Kick() | requests.Ban() | requests.Unban() | requests.TransferRoom():
            fields = {"room": request.room, "username": request.username}
        case requests.AddModerator() | requests.RemoveModerator():
            fields = {"room": request.room, "username": request.username}
        case requests.CreateRoom(room=room) | requests.CloseRoom(room=room) | requests.EnterRoom(room=room):
            fields = {"room": room}
        case requests.MakeInvitation(room=room) | requests.SetRoom(room=room):
            fields = {"room": room}
        case _:
            fields = {}
    method = LOGIN_METHODS.get(type(request))
    return fields if method is None else {**fields, "method": method}
