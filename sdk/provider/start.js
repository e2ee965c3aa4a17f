// The engine starts the provider from this folder. It exports nothing: a module that exports components would be started as
// a component host instead.
require("../dist/provider/main");
