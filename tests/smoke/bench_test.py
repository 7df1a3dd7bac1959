# SPDX-License-Identifier: Apache-2.0
"""firn bench: every engine that was built in has every row with its figures, the reports are whole,
and nothing stays behind."""
import html.parser
import json
import os
import signal
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["FIRN_BENCH_PROGRAM"]
SECONDS_MAX = 240
TINY = ["--reads", "300", "--syncs", "10", "--minutes", "0.01", "--repeats", "1",
        "--cache-mib", "16", "--memtable-mib", "1"]
# What each family has at the least; LMDB has no compaction.
ROWS = {
    "sync": ["fillsync"],
    "classic": ["fillseq", "fillseq settled", "fill100K", "fillrandom", "overwrite",
                "overwrite settled", "readrandom", "readmissing", "readhot", "seekrandom",
                "seekrandom+10", "seekrandom+100", "readseq", "readreverse", "compact",
                "readrandom compacted", "deleteseq", "deleterandom"],
    "rocksdb": ["revrange", "fwdrange", "multireadrandom", "overwritesome", "readwhilewriting",
                "fwdrangewhilewriting", "overwriteandwait"],
    "ycsb": ["load", "A", "B", "C", "D", "E", "F"],
    "ycsb-1k": ["load", "A", "B", "C", "D", "E", "F"],
    "daily": ["sustained overwrite", "long cursor under writes", "space after deleting 90 %",
              "queue"],
    "open": ["open after kill -9", "open after close"],
}
COSTS = {"us_per_op", "ops_per_second", "cpu_us_per_op", "rss_mib", "rss_peak_mib", "seconds"}


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=SECONDS_MAX, check=False)


class Tags(html.parser.HTMLParser):
    """Counts the tags of a page, and what it would load from elsewhere."""

    def __init__(self):
        super().__init__()
        self.counts = {}
        self.loads = []

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.loads += [value for name, value in attrs if name in ("src", "href")]


class Bench(unittest.TestCase):
    def setUp(self):
        self.parent = tempfile.TemporaryDirectory()
        self.data = os.path.join(self.parent.name, "data")

    def tearDown(self):
        if os.path.exists(self.data):
            self.assertEqual(os.listdir(self.data), [])
        self.parent.cleanup()

    def path(self, name):
        return os.path.join(self.parent.name, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def test_every_engine_has_every_row(self):
        done = run(*TINY, "--entries", "3000", "--threads", "2", "--data", self.data,
                   "--json", self.path("rows.json"), "--html", self.path("rows.html"),
                   "--markdown", self.path("rows.md"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(self.read("rows.json"))
        engines = report["options"]["engines"]
        self.assertEqual(sorted(report["versions"]), sorted(engines))
        self.assertIn("firn", engines)
        for peer in {"rocksdb", "leveldb", "lmdb"} - set(engines):
            self.assertIn(f"built without {peer}", done.stderr)
        runs = {(run["engine"], run["threads"], run["family"], run["row"]): run["figures"]
                for run in report["runs"]}
        for engine in engines:
            for family, rows in ROWS.items():
                for row in rows:
                    if row.split()[-1] in ("compact", "compacted") and engine == "lmdb":
                        continue
                    self.check_row(runs, (engine, 2, family, row))
        for row in report["rows"]:
            for text in (done.stdout, self.read("rows.md")):
                self.assertIn(row["row"], text)
            if len(engines) > 1 and "better_peer" in row and "firn" in row["engines"]:
                self.assertGreater(row["ratio"], 0)
        page = Tags()
        page.feed(self.read("rows.html"))
        self.assertGreater(page.counts["svg"], 5)
        self.assertEqual(page.loads, [])
        self.assertNotIn("script", page.counts)

    def check_row(self, runs, key):
        self.assertIn(key, runs)
        figures = runs[key]
        self.assertLessEqual(COSTS, set(figures), key)
        self.assertGreater(figures["us_per_op"], 0, key)
        if "p50_us" in figures:
            self.assertLessEqual(figures["p50_us"], figures["max_us"], key)
        if "found_share" in figures and not key[3].startswith("D"):
            self.assertEqual(figures["found_share"], 0 if "missing" in key[3] else 1, key)

    def test_a_set_larger_than_memory_runs_in_a_group_or_says_why_not(self):
        done = run(*TINY, "--larger-than-memory", "--entries", "2000", "--engines", "firn",
                   "--data", self.data, "--json", self.path("rows.json"))
        report = json.loads(self.read("rows.json"))
        if done.returncode == 0:
            self.assertIn("fillrandom settled", [row["row"] for row in report["rows"]])
        else:
            self.assertIn("no limit of memory", done.stderr)
            self.assertEqual(report["rows"], [])

    def test_earlier_runs_count_as_repeats(self):
        common = [*TINY[:-6], "--family", "sync", "--engines", "firn", "--entries", "3000",
                  "--data", self.data]
        first, both = self.path("first.json"), self.path("both.json")
        self.assertEqual(run(*common, "--repeats", "1", "--json", first).returncode, 0)
        done = run(*common, "--repeats", "1", "--add", first, "--json", both)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("sync, 3000x16+100, 1 thread, 10 runs", done.stdout)
        alone = run(*common, "--repeats", "0", "--add", both)
        self.assertEqual(alone.returncode, 0, alone.stderr)
        self.assertEqual(alone.stdout.split("\n\n")[1:], done.stdout.split("\n\n")[1:])

    def test_runs_of_other_options_and_other_files_are_refused(self):
        common = ["--family", "sync", "--engines", "firn", "--repeats", "0", "--data", self.data]
        first = self.path("first.json")
        made = run(*TINY, *common[:4], "--data", self.data, "--json", first)
        self.assertEqual(made.returncode, 0, made.stderr)
        done = run(*common, "--add", first)
        self.assertEqual(done.returncode, 2)
        self.assertIn("cache_bytes", done.stderr)
        with open(self.path("junk.json"), "w", encoding="utf-8") as file:
            file.write('{"runs": 1')
        for name, reason in (("junk.json", "is no report"), ("none.json", "cannot read")):
            done = run(*common, "--add", self.path(name))
            self.assertEqual(done.returncode, 2)
            self.assertIn(reason, done.stderr)

    def test_an_interrupt_reports_what_there_is_and_leaves_nothing(self):
        with subprocess.Popen([PROGRAM, "--family", "classic", "--engines", "firn", "--data",
                               self.data], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as bench:
            for line in bench.stderr:  # The first line of progress.
                if "part 1 of" in line:
                    break
            bench.send_signal(signal.SIGINT)
            out, err = bench.communicate(timeout=SECONDS_MAX)
            self.assertEqual(bench.returncode, 1, err)
            self.assertIn("told to stop", err)
            self.assertIn("machine:", out)

    def test_what_makes_no_sense_is_refused(self):
        for arguments in (["--engines", "oracle"], ["--set", "12"], ["--threads", "0"], ["extra"]):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertEqual(done.stdout, "", arguments)


if __name__ == "__main__":
    unittest.main()
