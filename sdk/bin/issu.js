#!/usr/bin/env node
// Kept apart from the compiled code, so that it is there, and executable, before anything was compiled.
require("node:module").enableCompileCache?.();
require("../dist/cli/main").main(process.argv);
