"""All tests of the project, as steps that are run in order and counted.

Each step is a build or a test program with a time limit of its own. Its output goes to a file under
build/logs; the end of it is shown when it fails. The last line sums up what was counted:
"N passed, N failed, N skipped". The exit status is 0 when nothing failed.
"""

import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "logs"
JOBS = str(os.cpu_count() or 1)


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run(command, log, limit, env=None):
    """The exit status; 124 when the time limit ended it. Everything it started ends with it."""
    with open(log, "ab") as out:
        out.write(f"$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}, start_new_session=True)
        try:
            return process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            out.write(f"\nended after the time limit of {limit} s\n".encode())
            return 124
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def build(name, log, options, env=None, targets=()):
    folder = BUILD / name
    if not (folder / "build.ninja").exists():
        status = run(["meson", "setup", folder, *options], log, 300, env)
        if status != 0:
            return Counts(failed=1)
    status = run(["ninja", "-C", folder, "-j", JOBS, *targets], log, 2400, env)
    return Counts(passed=1) if status == 0 else Counts(failed=1)


SANITIZERS = {
    # Everything a sanitizer finds ends the program, so that no test can pass over it.
    "ASAN_OPTIONS": "detect_leaks=1:halt_on_error=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:exitcode=99:second_deadlock_stack=1",
}


def gtest(program, log, limit, env=None):
    report = LOGS / f"{log.stem}.xml"
    report.unlink(missing_ok=True)
    status = run([program, f"--gtest_output=xml:{report}", "--gtest_brief=1"], log, limit,
                 {**SANITIZERS, **(env or {})})
    return counted(report, status)


def pytest(build_folder, log, limit, arguments=(), env=None):
    report = LOGS / f"{log.stem}.xml"
    report.unlink(missing_ok=True)
    status = run(["/usr/bin/python3", "-m", "pytest", "-q", "-x" if os.environ.get("FAIL_FAST") else
                  "-q", "-p", "no:cacheprovider", "--durations=15", f"--junitxml={report}",
                  "tests/net", *arguments], log, limit,
                 {**SANITIZERS, "PARIKSHAND_BUILD": str(build_folder), **(env or {})})
    return counted(report, status)


def counted(report, status):
    """What a JUnit file says; a program that failed without saying how counts as one failure."""
    counts = Counts()
    try:
        root = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError):
        return Counts(failed=1)
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
        elif (case.find("skipped") is not None or case.get("result") == "skipped" or
              case.get("status") == "notrun"):
            counts.skipped += 1
            why = case.find("skipped")
            print(f"    skipped {case.get('name')}: "
                  f"{'' if why is None else why.get('message', '')}", flush=True)
        else:
            counts.passed += 1
    if status != 0 and counts.failed == 0:
        counts.failed = 1
    if counts.passed + counts.failed + counts.skipped == 0:
        counts.failed = 1
    return counts


def sources(*folders):
    """All C++ files that git tracks or would track in the folders."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", *folders],
        cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if re.search(r"\.(cc|h)$", name)]


def one(status):
    return Counts(passed=1) if status == 0 else Counts(failed=1)


def step_format(log):
    return one(run(["clang-format", "--dry-run", "-Werror", *sources("daemon", "tests")], log, 120))


def step_manuals(log):
    counts = Counts()
    for page in sorted((ROOT / "packaging/man").glob("*.[1-9]")):
        # groff says nothing and exits 0 on most mistakes; its warnings are what counts.
        status = run(["bash", "-c", f"out=$(MANWIDTH=100 man --warnings -E UTF-8 -l -Tutf8 -Z "
                      f"'{page}' 2>&1 >/dev/null) && echo \"$out\" && test -z \"$out\""], log, 60)
        counts.add(one(status))
    return counts


def step_tidy(log):
    """clang-tidy over the product and the programs that measure it, several at a time.

    Unit tests are left out: nearly all of what it sees there is the expansion of GoogleTest's
    macros, which takes longer than all the rest together.
    """
    files = [name for name in sources("daemon", "tests/bench", "tests/net")
             if name.endswith(".cc")]
    failed = run(["bash", "-c", "printf '%s\\n' \"$@\" | xargs -P " + JOBS + " -n 2 clang-tidy "
                  "--quiet -p " + str(BUILD / "release"), "tidy", *files], log, 2400)
    return one(failed)


def step_fuzz(log):
    counts = build("fuzz", log, ["-Dfuzz=true", "-Dbuildtype=debugoptimized", "-Doptimization=1"],
                   {"CC": "clang", "CXX": "clang++"},
                   ["tests/fuzz/policy-fuzz", "tests/fuzz/control-fuzz"])
    if counts.failed:
        return counts
    seconds = os.environ.get("FUZZ_SECONDS", "60")
    running = []
    for name in ("policy", "control"):
        work = BUILD / "fuzz" / f"corpus-{name}"
        work.mkdir(exist_ok=True)
        seeds = ROOT / "tests/fuzz/corpus" / name
        program = BUILD / "fuzz/tests/fuzz" / f"{name}-fuzz"
        out = open(LOGS / f"fuzz-{name}.log", "wb")
        running.append((name, out, subprocess.Popen(
            [program, work, seeds, f"-max_total_time={seconds}", "-rss_limit_mb=2048",
             "-timeout=20", f"-artifact_prefix={LOGS}/"], cwd=ROOT, stdin=subprocess.DEVNULL,
            stdout=out, stderr=out, env={**os.environ, **SANITIZERS})))
    for name, out, process in running:
        try:
            status = process.wait(timeout=int(seconds) + 120)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        out.close()
        counts.add(one(status))
        tail = Path(out.name).read_text(errors="replace").splitlines()[-3:]
        with open(log, "a") as text:
            text.write(f"{name}-fuzz ended with {status}\n" + "\n".join(tail) + "\n")
    return counts


def sanitized(name, flags):
    def step(log):
        folder = BUILD / name
        counts = build(name, log, [f"-Db_sanitize={flags}", "-Doptimization=1", "-Ddebug=true",
                                   "-Db_lundef=false",
                                   # GCC warns of what it instrumented itself (its manual says so).
                                   "-Dcpp_args=-Wno-maybe-uninitialized"])
        if counts.failed:
            return counts
        counts.add(gtest(folder / "tests/unit-tests", log.with_name(f"{name}-unit.log"), 900))
        counts.add(pytest(folder, log.with_name(f"{name}-net.log"), 1500,
                          env={"PARIKSHAN_SLOW": "1"}))
        return counts
    return step


STEPS = {
    "format": step_format,
    "release": lambda log: build("release", log, []),
    "manuals": step_manuals,
    "unit": lambda log: gtest(BUILD / "release/tests/unit-tests", log, 300),
    "window": lambda log: one(run([BUILD / "release/tests/bench/window-simulation", "--check"],
                                  log, 180)),
    "net": lambda log: pytest(BUILD / "release", log, 1200),
    "demo": lambda log: one(run(["tests/demo"], log, 420)),
    "bench": lambda log: one(run(["tests/bench/proxy", "--quick", "--build", BUILD / "release"],
                                 log, 600)),
    "asan": sanitized("asan", "address,undefined"),
    "tsan": sanitized("tsan", "thread"),
    "fuzz": step_fuzz,
    "tidy": step_tidy,
}


def show_end(log):
    logs = [path for path in LOGS.glob(f"{log.stem}*.log")]
    for path in logs:
        lines = path.read_text(errors="replace").splitlines()
        told = [line for line in lines
                if re.search(r"(error:|FAILED|^E  |ERROR: |WARNING: Thread)", line)]
        print(f"    --- {path.name}: what failed")
        for line in told[:40]:
            print(f"    {line[:300]}")
        print(f"    --- {path.name}: its end")
        for line in lines[-40:]:
            print(f"    {line[:300]}")


def main():
    wanted = [name for name in sys.argv[1:] if not name.startswith("-")] or list(STEPS)
    if "--list" in sys.argv:
        print("\n".join(STEPS))
        return 0
    unknown = [name for name in wanted if name not in STEPS]
    if unknown:
        print(f"tests/run: no step is called {', '.join(unknown)}; --list names them",
              file=sys.stderr)
        return 2
    LOGS.mkdir(parents=True, exist_ok=True)
    total = Counts()
    for name in wanted:
        log = LOGS / f"{name}.log"
        for old in LOGS.glob(f"{name}*.log"):
            old.unlink()
        log.touch()
        began = time.monotonic()
        try:
            counts = STEPS[name](log)
        except (OSError, subprocess.SubprocessError) as problem:
            print(f"    {problem}")
            counts = Counts(failed=1)
        print(f"{name:8} {counts}  ({time.monotonic() - began:.0f} s)", flush=True)
        if counts.failed:
            show_end(log)
        total.add(counts)
    print(total, flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
