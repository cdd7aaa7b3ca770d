"""What must hold of every ledger, whenever it is asked for."""

from limits import eventually


def check_sums(record):
    """Of an entry, and of a replica's totals: every byte is somewhere."""
    assert record["due"] == record["delivered"] + record["pending"] + record["lost"], record
    assert record["produced"] == (record["compared"] + record["uncompared"]
                                  + record["awaited"]), record


def check_entry(entry):
    """A reader gets a prefix of what it is due: the first lost byte is where that ends."""
    check_sums(entry)
    assert entry["has_first_lost"] == (entry["lost"] > 0), entry
    if entry["lost"]:
        assert entry["first_lost"] == entry["delivered"] + entry["pending"], entry
        assert entry["lost_why"], entry


def check_now(daemon):
    status = daemon.status()
    for replica in status["replicas"]:
        check_sums(replica)
    for entry in daemon.ledger():
        check_entry(entry)
    return status


def check_totals(daemon, sent, received):
    """What the clients counted is what the ledger says, once the threads have told each other:
    by port, by replica and by the sum of the entries."""
    def settled():
        status = daemon.status()
        port = status["ports"][0]
        counted = [(port["client_to_production"], port["production_to_client"])]
        counted += [(replica["due"], replica["produced"]) for replica in status["replicas"]]
        return all(pair == (sent, received) for pair in counted)
    try:
        eventually(settled, 5, f"{sent} bytes to production and {received} to clients counted")
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{daemon.status()}") from None
    status = check_now(daemon)
    for replica in status["replicas"]:
        entries = [entry for entry in daemon.ledger() if entry["replica"] == replica["address"]]
        assert len(entries) == replica["sessions"], "the ledger still knows each session"
        assert sum(entry["due"] for entry in entries) == sent
        assert sum(entry["produced"] for entry in entries) == received
    return status


def entry_of(daemon, session=1, replica=None):
    found = [entry for entry in daemon.ledger() if entry["session"] == session
             and replica in (None, entry["replica"])]
    assert len(found) == 1, daemon.ledger()
    return found[0]
