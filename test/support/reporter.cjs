/**
 * The "spec" reporter, which also leaves the run's figures in `out/test/results.json` for `.ci/run`:
 * `{passed, failed, pending, durationMs, files: [{file, durationMs}], failures: [{title, message}]}`, the longest file first.
 *
 * CommonJS, since Mocha loads reporters with `require` before its own module loader is set up.
 */
const fs = require("node:fs");
const path = require("node:path");
const Mocha = require("mocha");

const root = path.join(__dirname, "../..");

class Reporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const failures = [];
    /** Time of tests and hooks by file, ms. */
    const files = new Map();
    const count = ({ file, duration = 0 }) => {
      if (file) files.set(file, (files.get(file) ?? 0) + duration);
    };
    runner.on(Mocha.Runner.constants.EVENT_TEST_END, count);
    runner.on(Mocha.Runner.constants.EVENT_HOOK_END, count);
    runner.on(Mocha.Runner.constants.EVENT_TEST_FAIL, (test, error) => {
      failures.push({ title: test.fullTitle(), message: String(error?.message ?? error) });
    });
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, pending, duration } = this.stats;
      // A failing hook counts as a failure of its own, so count what was reported rather than stats.tests.
      const results = {
        passed: passes,
        failed: failures.length,
        pending,
        durationMs: duration ?? 0,
        files: [...files]
          .map(([file, durationMs]) => ({ file: path.relative(root, file), durationMs }))
          .sort((a, b) => b.durationMs - a.durationMs),
        failures,
      };
      const file = path.join(root, "out/test/results.json");
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
    });
  }
}

module.exports = Reporter;
