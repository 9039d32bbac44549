"""Links and invitations in texts."""

import pytest

from chatroom.client.text.links import find_links, find_targets, is_link


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("看https://example.com/a?b=1&c=2，对吧", ["https://example.com/a?b=1&c=2"]),
        ("看看https://example.com/路径吧", ["https://example.com/"]),
        ("（https://example.com/x）", ["https://example.com/x"]),
        ("(see https://en.wikipedia.org/wiki/A_(b)).", ["https://en.wikipedia.org/wiki/A_(b)"]),
        ("[docs](https://evil.example/x)", ["https://evil.example/x"]),
        ("**https://x.example/y**, http://z.example!", ["https://x.example/y", "http://z.example"]),
        ("write to mailto:bob@example.org.", ["mailto:bob@example.org"]),
        ("HTTPS://EXAMPLE.COM/A", ["HTTPS://EXAMPLE.COM/A"]),
        ("https://x.example/é'z", ["https://x.example/%C3%A9%27z"]),
        ("javascript:alert(1) file:///etc/passwd data:text/html,x https:// mailto:x", []),
        ("xhttps://example.com vbscript:http", []),
        ("https://example.com/" + "a" * 4000, []),
        ("https://a.example/\x1b]52;c;x\x07", ["https://a.example/"]),
        (
            "join: chat-client chat1-abcdefgh2345, or http://a.example",
            ["chat1-abcdefgh2345", "http://a.example"],
        ),
    ],
)
def test_targets_of_a_text(text: str, targets: list[str]) -> None:
    assert find_targets(text) == targets


def test_target_is_what_the_text_shows() -> None:
    text = "a https://example.com/x b"
    [link] = find_links(text)
    assert text[link.start : link.end] == link.target


@pytest.mark.parametrize("text", ["https://" * 2000, "mailto:" * 2000, "https://a" + ")" * 8000, "x@" * 8000])
def test_hostile_text_takes_no_long_search(text: str) -> None:
    targets = [link.target for link in find_links(text)]
    assert [target for target in targets if not is_link(target)] == []


@pytest.mark.parametrize("target", ["javascript:x", "-x", "https://a b", "https://a\x1b", "https://例", ""])
def test_only_printable_targets_with_a_known_scheme_are_opened(target: str) -> None:
    assert not is_link(target)


def test_link_ends_at_the_picture_of_a_control_character() -> None:
    assert find_targets("http://evil.example\N{SYMBOL FOR ESCAPE}\\here") == ["http://evil.example"]
