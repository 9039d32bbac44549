"""Announcements of an administrator to all sessions."""

from chatroom.db.queries.changefeed import AdminAnnouncement
from chatroom.protocol import events
from chatroom.protocol.values import format_time
from chatroom.protocol.wire import encode_frame
from chatroom.server.state.directory import LiveDirectory, send_lines


def send_announcement(directory: LiveDirectory, announcement: AdminAnnouncement) -> int:
    """Send an announcement to all sessions of this process. Returns their number."""
    event = events.Announcement(text=announcement.text, time=format_time(announcement.at))
    sessions = list(directory.all_speakers())
    send_lines(sessions, encode_frame(event))
    return len(sessions)
