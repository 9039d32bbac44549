"""A requester without a connection."""

from chatroom.client.core.requester import Requester
from chatroom.client.model.state import ClientState
from chatroom.client.net.connection import ConnectionLost, Refused
from chatroom.client.net.known_servers import KnownServers
from chatroom.protocol import requests, responses
from tests.unit.client.fake_front_end import FakeFrontEnd


class FakeRequester(Requester):
    """``asked`` are the requests; each gets the next of ``answers``, and ``Ok`` when there are no more."""

    def __init__(self, state: ClientState, front_end: FakeFrontEnd, known_servers: KnownServers) -> None:
        super().__init__(state, known_servers, front_end, lambda request, frame: None)
        self.asked: list[requests.AnyRequest] = []
        self.answers: list[responses.AnyResponse | Refused | ConnectionLost] = []

    async def ask(self, frame: requests.AnyRequest, *, update_state: bool = True) -> responses.AnyResponse:
        self.asked.append(frame)
        answer = self.answers.pop(0) if self.answers else responses.Ok(id=0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ensure_connected(self) -> None:
        pass
