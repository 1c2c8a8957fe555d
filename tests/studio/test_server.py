"""The server of the studio: jobs in the worker process, the page, and how the command starts and ends."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from gan_lightning.commands import studio as gan_studio
from gan_lightning.studio import jobs as jobs_module
from gan_lightning.studio import worker as worker_module
from gan_lightning.studio.jobs import Jobs, Task
from gan_lightning.studio.page_files import PAGE
from gan_lightning.studio.visitors import Visitors
from gan_lightning.studio.worker import Worker
from tests.conftest import ROOT
from tests.studio.serving import Server, Visit

END = {"seed": "1", "n": 4, "index": 0}


def image(visit, url):
    answer = visit.get(url)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    return Image.open(BytesIO(answer.content))


# Jobs that generate


def test_describe_says_what_a_model_takes(visit):
    digits, waves = (visit.job("describe", run=run) for run in ("digits", "waves"))
    assert digits["condition"] == {"kind": "labels", "values": [str(i) for i in range(10)]}
    assert (digits["media_type"], digits["prior"], digits["styles"]) == ("image/png", True, None)
    assert digits["sample_shape"] == [1, 28, 28]
    assert (waves["modality"], waves["media_type"]) == ("Waves", "application/x-wave")


def test_samples_are_those_of_gan_generate(visit, server, run):
    made = visit.job("samples", run="digits", n=3, seed="5", condition="7")
    result = run(
        "generate", f"checkpoint={server.runs / 'digits'}", "n=3", "seed=5", "condition=7", "format=files", "output=out"
    )
    assert result.code == 0, result.err
    for i, sample in enumerate(made["samples"]):
        assert sample["index"] == i
        assert visit.get(sample["file"]).content == Path(f"out/{i:06d}.png").read_bytes()
    digest = hashlib.sha256((server.runs / "digits/checkpoints/last.ckpt").read_bytes()).hexdigest()
    recipe = {"run": "digits", "checkpoint": digest, "seed": "5", "n": 3, "condition": "7", "truncation": 1.0}
    assert made["recipe"] == recipe | {"edit": None, "weights": "ema"}


def test_seeds_are_random_by_default(visit):
    seeds = {visit.job("samples", run="digits", n=1)["recipe"]["seed"] for _ in range(3)}
    assert len(seeds) == 3
    assert all(0 <= int(seed) < 2**63 for seed in seeds)


def test_other_modalities_have_files_and_previews(visit):
    (first, _) = visit.job("samples", run="waves", n=2)["samples"]
    assert image(visit, first["preview"]).mode == "RGB"
    answer = visit.get(first["file"])
    assert (answer.headers["Content-Type"], len(answer.content)) == ("application/x-wave", 4 + 128)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="000000.wave"'


def test_condition_can_be_an_uploaded_file(visit):
    upload = visit.post("/api/uploads", params={"name": "mine.labels"}, content=b"7\n").json()["upload"]
    made = visit.job("samples", run="digits", n=2, seed="5", upload=upload)
    assert made["recipe"]["condition"] == f"sha256:{hashlib.sha256(b'7').hexdigest()}"
    named = visit.job("samples", run="digits", n=2, seed="5", condition="7")
    assert [visit.get(one["file"]).content for one in made["samples"]] == [
        visit.get(one["file"]).content for one in named["samples"]
    ]


@pytest.mark.parametrize("run_name", ["digits", "waves"])
def test_walk_starts_and_ends_at_its_samples(visit, run_name):
    made = visit.job("walk", run=run_name, **{"from": END, "to": END | {"seed": "2", "index": 3}}, steps=40)
    assert len(made["frames"]) == 40
    ends = [visit.job("samples", run=run_name, n=4, seed=seed)["samples"][i] for seed, i in (("1", 0), ("2", 3))]
    for frame, sample in zip((made["frames"][0], made["frames"][-1]), ends, strict=True):
        assert image(visit, frame).tobytes() == image(visit, sample["preview"]).tobytes()


# The queue and the worker process


def test_waiting_job_is_cancelled_at_once(visit):
    slow = visit.start("walk", run="waves", **{"from": END, "to": END}, steps=120)
    waiting = visit.start("describe", run="digits")
    cancelled = visit.delete(f"/api/jobs/{waiting['id']}").json()
    assert cancelled["state"] == "cancelled"
    assert visit.delete(f"/api/jobs/{slow['id']}").status_code == 200
    assert visit.finish(slow)["state"] == "cancelled"
    assert visit.job("describe", run="digits")["prior"]


@pytest.mark.slow
def test_worker_that_died_between_jobs_is_replaced(visit, server):
    os.kill(server.worker, signal.SIGKILL)
    assert visit.job("describe", run="digits")["prior"]


def sleep(toolbox, seconds):
    """Job that does not notice that it is cancelled."""
    time.sleep(seconds)


def report_for(toolbox, seconds):
    """Job that reports its progress."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        toolbox.report(1 - left / seconds)
        time.sleep(0.01)
    return "reported"


def raise_error(toolbox):
    raise RuntimeError("of the model")


@pytest.fixture(scope="module")
def queue():
    jobs = Jobs(Worker([]))
    jobs.start()
    yield jobs
    jobs.close()


def wait_for(job, *states):
    deadline = time.monotonic() + 240
    while job.state not in states:
        assert time.monotonic() < deadline, job
        time.sleep(0.01)


@pytest.mark.slow
def test_job_that_does_not_answer_is_killed(queue, monkeypatch):
    monkeypatch.setattr(worker_module, "CANCEL_SECONDS", 0.5)
    visitor = Visitors().create()
    job = queue.add(visitor, "sleep", Task(sleep, {"seconds": 600}))
    wait_for(job, "running")
    first = queue.worker.process_id
    queue.cancel(job)
    wait_for(job, "cancelled")
    assert queue.worker.process_id != first
    after = queue.add(visitor, "report", Task(report_for, {"seconds": 0.3}))
    wait_for(after, "done")
    assert after.result == "reported"
    assert 0 < after.progress <= 1


@pytest.mark.slow
def test_job_whose_worker_dies_fails_and_the_next_one_runs(queue):
    visitor = Visitors().create()
    job = queue.add(visitor, "report", Task(report_for, {"seconds": 600}))
    while not job.progress:
        time.sleep(0.01)
    os.kill(queue.worker.process_id, signal.SIGKILL)
    wait_for(job, "failed")
    assert job.error["code"] == "worker_ended"
    assert "(signal 9)" in job.error["message"]
    after = queue.add(visitor, "report", Task(report_for, {"seconds": 0}))
    wait_for(after, "done")


def test_errors_of_jobs_are_answered_in_words(queue, capfd):
    cleaned = []
    task = Task(raise_error, {}, clean=lambda: cleaned.append(True))
    job = queue.add(Visitors().create(), "error", task)
    wait_for(job, "failed")
    assert job.error["code"] == "job_error"
    assert job.error["message"] == "the job failed: RuntimeError of the model"
    assert cleaned == [True]


def test_full_queue_is_busy(queue, monkeypatch):
    monkeypatch.setattr(jobs_module, "MAX_WAITING", 3)
    running = queue.add(Visitors().create(), "sleep", Task(report_for, {"seconds": 600}))
    wait_for(running, "running")
    waiting = [queue.add(Visitors().create(), "sleep", Task(sleep, {"seconds": 0})) for _ in range(3)]
    with pytest.raises(jobs_module.Refusal) as refusal:
        queue.add(Visitors().create(), "sleep", Task(sleep, {"seconds": 0}))
    assert (refusal.value.status, refusal.value.code) == (503, "busy")
    assert [queue.describe(job)["position"] for job in waiting] == [0, 1, 2]
    queue.cancel(waiting[0])
    assert [queue.describe(job)["position"] for job in waiting] == [None, 0, 1]
    queue.cancel(running)
    wait_for(waiting[-1], "done")


# Kept samples


@dataclass
class Gallery:
    """A server with an identity, and a visitor."""

    server: Server
    visit: Visit


@pytest.fixture(scope="module")
def signing(trained_runs, tmp_path_factory):
    with Server(trained_runs, tmp_path_factory.mktemp("signing")) as server, Visit(server.url) as visit:
        yield Gallery(server, visit)


@pytest.mark.slow
def test_newcomer_makes_an_identity_on_the_page(signing):
    visit = signing.visit
    assert visit.studio["identity"] is None
    sample = visit.job("samples", run="digits", n=2)["samples"][1]
    answer = visit.post("/api/jobs", json={"kind": "keep", "sample": sample["id"], "title": "seven"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_identity")
    for name in ("", "x" * 65, "a\nb"):
        assert visit.post("/api/identity", json={"name": name}).status_code in (400, 422)
    made = visit.post("/api/identity", json={"name": "Ada"})
    assert (made.status_code, made.json()) == (201, {"identity": {"name": "Ada, Personal"}})
    assert visit.get("/api/studio").json()["identity"] == {"name": "Ada, Personal"}
    assert visit.post("/api/identity", json={"name": "Eve"}).json()["error"]["code"] == "identity_exists"


@pytest.mark.slow
@pytest.mark.parametrize(("run_name", "suffix"), [("digits", ".png"), ("waves", ".wave")])
def test_kept_sample_is_trusted_by_gan_verify(signing, run_name, suffix):
    visit, server = signing.visit, signing.server
    visit.post("/api/identity", json={"name": "Ada"})
    sample = visit.job("samples", run=run_name, n=3, seed="9")["samples"][1]
    item = visit.job("keep", sample=sample["id"], title="Erstes 数字")["item"]
    assert item["title"] == "Erstes 数字"
    assert (item["words"]["seed"], item["words"]["n"], item["words"]["index"]) == ("9", 3, 1)
    (file,) = (server.folder / "studio" / "gallery").rglob(f"Erstes_数字{suffix}")
    command = [sys.executable, "-m", "gan_lightning.commands.verify", str(file), "--trust-code", "waves"]
    command += ["--ledger", str(server.folder / "ledger"), "--checkpoint", str(server.runs / run_name)]
    done = subprocess.run(command, env=server.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (server.folder / "ledger" / "records.jsonl").read_text().splitlines()
    assert item["artifact"] in lines[item["ledger"]["line"] - 1]
    assert not list((server.folder / "studio" / "temporary" / "kept").iterdir())


@pytest.mark.slow
def test_frames_of_walks_are_not_kept(signing):
    visit = signing.visit
    frame = visit.job("walk", run="digits", **{"from": END, "to": END}, steps=2)["frames"][0]
    assert visit.fail("keep", sample=frame.split("/")[3], title="between")["code"] == "walk_not_kept"


@pytest.mark.slow
def test_sample_of_an_earlier_checkpoint_is_not_kept(signing, tmp_path):
    """The worker may still have the earlier one in memory; after a restart of the worker it does not."""
    visit, server = signing.visit, signing.server
    visit.post("/api/identity", json={"name": "Ada"})
    sample = visit.job("samples", run="digits", n=1)["samples"][0]
    checkpoint = server.runs / "digits/checkpoints/last.ckpt"
    content = checkpoint.read_bytes()
    try:
        checkpoint.write_bytes((server.runs / "waves/checkpoints/last.ckpt").read_bytes())
        os.kill(server.worker, signal.SIGKILL)
        assert visit.fail("keep", sample=sample["id"], title="earlier")["code"] in ("checkpoint_changed",)
    finally:
        checkpoint.write_bytes(content)


# The page


def test_files_of_the_page_are_asked_for_again_only_if_they_change(visit):
    names = [path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*") if path.is_file()]
    assert names, "the page has no files"
    for name in names:
        answer = visit.get(f"/page/{name}")
        assert answer.content == (PAGE / name).read_bytes()
        again = visit.get(f"/page/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert visit.get("/").headers["Content-Type"] == "text/html; charset=utf-8"


def test_server_does_not_import_torch():
    code = "import sys, gan_lightning.studio.app; print([one for one in ('torch', 'lightning') if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_session_does_not_change_while_the_server_runs(server):
    with Visit(server.url) as visit:
        first = visit.studio["token"]
        assert visit.get("/api/studio").json()["token"] == first
        with Visit(server.url) as other:
            assert other.studio["token"] != first


# Start and end


@pytest.mark.slow
def test_stopped_server_ends_its_worker_and_leaves_nothing(trained_runs, tmp_path):
    with Server(trained_runs, tmp_path) as server:
        worker = server.worker
        with Visit(server.url) as visit:
            visit.start("walk", run="waves", **{"from": END, "to": END}, steps=120)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 128 + signal.SIGTERM
        assert server.errors == "interrupted\n"
    assert not Path(f"/proc/{worker}").exists()
    assert not (tmp_path / "studio" / "temporary").exists()


@pytest.mark.slow
def test_killed_server_leaves_nothing_after_the_next_start(trained_runs, tmp_path):
    with Server(trained_runs, tmp_path) as server:
        worker = server.worker
        with Visit(server.url) as visit:
            visit.post("/api/uploads", params={"name": "a.png"}, content=b"a")
        server.process.kill()
        server.process.wait(20)
        deadline = time.monotonic() + 30
        while Path(f"/proc/{worker}").exists() and "zombie" not in Path(f"/proc/{worker}/status").read_text():
            assert time.monotonic() < deadline, "the worker process goes on"
            time.sleep(0.1)
    temporary = tmp_path / "studio" / "temporary"
    assert list(temporary.rglob("a.png"))
    with Server(trained_runs, tmp_path):
        assert [path for path in temporary.rglob("*") if path.is_file()] == []


def test_wrong_options_are_one_line(called, tmp_path, trained_runs, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def fail(*arguments):
        code, output = called(gan_studio.main, *arguments)
        assert code == 2
        assert len(output.splitlines()) == 1
        return output

    assert "no such folder" in fail("nothing")
    assert "also give --token" in fail(trained_runs, "--host", "0.0.0.0")
    assert "--token: must be 16" in fail(trained_runs, "--host", "0.0.0.0", "--token", "short")
    assert "--port 70000" in fail(trained_runs, "--port", "70000")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "choose another port" in fail(trained_runs, "--port", taken.getsockname()[1])
    assert "no.such.host" in fail(trained_runs, "--host", "no.such.host.invalid", "--token", "a" * 16)
    Path("file").touch()
    assert "error: " in fail(trained_runs, "--port", "0", "--folder", "file/studio")


def test_second_server_in_a_folder_is_refused(server, called):
    assert server.process.poll() is None  # or else the second one would serve for ever
    code, output = called(gan_studio.main, server.runs, "--port", "0", "--folder", server.folder / "studio")
    assert code == 2
    assert "another gan-studio uses it" in output


def test_missing_extra_is_one_line(called, trained_runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, output = called(gan_studio.main, trained_runs)
    assert code == 2
    assert "gan-lightning[studio]" in output
