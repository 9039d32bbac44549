"""Changes are stored for other server processes only while there are any."""

from unittest.mock import Mock

import pytest

from chatroom.db.queries import changefeed
from chatroom.db.queries.changefeed import ChangeSet
from chatroom.server.cluster.change_publisher import ChangePublisher

SERVER_ID = b"this server"


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Mock:
    monkeypatch.setattr(changefeed, "publish_changes", publish := Mock())
    return publish


def test_changes_without_readers_are_not_stored(publish: Mock) -> None:
    ChangePublisher(SERVER_ID).publish_changes(Mock(), ChangeSet(appended={1}))
    publish.assert_not_called()


def test_changes_with_readers_are_stored_under_rising_numbers(publish: Mock) -> None:
    publisher, connection = ChangePublisher(SERVER_ID), Mock()
    publisher.has_readers, before = True, publisher.last_number
    for change in (ChangeSet(appended={1}), ChangeSet(appended={2})):
        publisher.publish_changes(connection, change)
    assert publish.call_args_list == [
        ((connection, SERVER_ID, before + 1, ChangeSet(appended={1})),),
        ((connection, SERVER_ID, before + 2, ChangeSet(appended={2})),),
    ]
    assert publisher.last_number == before + 2
