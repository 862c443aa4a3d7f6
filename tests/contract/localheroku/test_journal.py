"""The journal: what tests and benchmarks ask about the requests of a client."""

from tests.contract.localheroku.platform_fixture import Client, heroku, judges, own, platform

__all__ = ["heroku", "judges", "own", "platform"]


def test_requests_in_sequence_do_not_overlap_in_the_journal(heroku: Client) -> None:
    heroku.control("DELETE", "/journal")

    heroku.call("GET", "/account")
    heroku.call("GET", "/apps")

    first, second = heroku.control("GET", "/journal")
    assert [first["path"], second["path"]] == ["/account", "/apps"]
    assert first["began_seconds"] <= first["ended_seconds"] <= second["began_seconds"]
