"""Samples that are kept, listed, downloaded and verified, through a running server."""

import time

import pytest

from tests.studio.serving import Server, Visit


@pytest.fixture(scope="module")
def studio(trained_runs, tmp_path_factory):
    with Server(trained_runs, tmp_path_factory.mktemp("keeping")) as server:
        with Visit(server.url) as visitor:
            assert visitor.post("/api/identity", json={"name": "Jane Doe"}).status_code == 201
        yield server


def keep(visitor, run, title):
    """Generate a sample and keep it; return the item."""
    made = visitor.job("samples", run=run, n=4, seed="9223372036854775807")
    return visitor.job("keep", sample=made["samples"][-1]["id"], title=title)["item"]


def upload(visitor, content, name):
    answer = visitor.post("/api/uploads", params={"name": name}, content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()["upload"]


@pytest.mark.slow
@pytest.mark.parametrize("run", ["digits", "waves"])
def test_kept_sample_is_verified_by_its_download(studio, run):
    """An image holds its credentials; a file of waves has a statement beside it."""
    with Visit(studio.url) as visitor:
        item = keep(visitor, run, "三 & three")
        assert item in visitor.get("/api/gallery").json()["items"]
        assert item["words"]["seed"] == "9223372036854775807"
        assert item["words"]["signer"].startswith("Jane Doe")
        content = visitor.get(item["file"]).content
        values = {"upload": upload(visitor, content, item["name"]), "name": item["name"], "regenerate": True}
        if item["statement"]:
            statement = visitor.get(item["statement"]).content
            values["statement"] = upload(visitor, statement, "statement.intoto.json")
        found = visitor.job("verify", **values)
    assert (found["verdict"], found["item"]) == ("trusted", item["id"])
    assert found["ledger"]["line"] == item["ledger"]["line"]
    assert found["candidate"]["run"] == run
    assert found["regenerated"]["same"], found["regenerated"]
    assert found["artifact"] == item["artifact"]
    assert (item["statement"] is None) == (run == "digits")


@pytest.mark.slow
def test_two_visitors_share_the_gallery_but_not_uploads(studio):
    with Visit(studio.url) as one, Visit(studio.url) as other:
        item = keep(one, "digits", "shared")
        found = upload(one, other.get(item["file"]).content, "x.png")
        assert other.fail("verify", upload=found)["code"] == "unknown_upload"
        assert one.job("verify", upload=found)["file"] == "x.png"


@pytest.mark.slow
def test_gallery_outlives_the_server(trained_runs, tmp_path):
    with Server(trained_runs, tmp_path) as server, Visit(server.url) as visitor:
        visitor.post("/api/identity", json={"name": "Jane Doe"})
        item = keep(visitor, "digits", "kept")
        server.process.kill()
    with Server(trained_runs, tmp_path) as server, Visit(server.url) as visitor:
        assert visitor.get("/api/gallery").json()["items"] == [item]
        while (answer := visitor.delete(f"/api/gallery/{item['id']}")).status_code == 503:
            assert answer.json()["error"]["code"] == "chain_starting"
            time.sleep(0.2)
        assert answer.status_code == 200
        assert visitor.get("/api/gallery").json()["items"] == []


def test_verify_refuses_unknown_keys(studio):
    with Visit(studio.url) as visitor:
        found = upload(visitor, b"x", "x.png")
        for values in ({}, {"upload": found, "path": "/etc/passwd"}, {"upload": found, "regenerate": "maybe"}):
            assert visitor.fail("verify", **values)["code"] == "invalid"
        assert visitor.fail("verify", upload="../../x")["code"] == "unknown_upload"


def test_page_lists_and_follows_runs(studio):
    with Visit(studio.url) as visitor:
        runs = {run["id"]: run for run in visitor.get("/api/runs").json()["runs"]}
        assert runs.keys() == {"digits", "waves"}
        assert (runs["digits"]["modality"], runs["waves"]["modality"]) == ("Images", "Waves")
        assert all(run["status"] == "finished" and run["checkpoint"] for run in runs.values())
        with visitor.stream("GET", "/api/runs/digits/live") as answer:
            assert "event: status" in answer.iter_lines()
        answer = visitor.get(runs["digits"]["sheet"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
