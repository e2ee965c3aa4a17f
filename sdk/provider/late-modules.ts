/**
 * Modules that a library loads when it is itself loaded, and that this process as good as never needs.
 *
 * @module
 */
import Module from "node:module";

type Load = (request: string, ...rest: unknown[]) => unknown;

/**
 * From now on the modules named are loaded when something of them is first used. The Pulumi SDK turns closures into text by
 * a TypeScript compiler and a package manager; no provider does that, and they are a third of what it has to load.
 *
 * @param names as `require` gets them.
 */
export function loadLate(names: readonly string[]): void {
  const loader = Module as unknown as { _load: Load };
  const load = loader._load;
  loader._load = function (this: unknown, request, ...rest) {
    const now = () => load.call(this, request, ...rest) as object;
    return names.includes(request) ? late(now) : now();
  };
}

/** Stands for a module until something of it is asked for. */
export function late<T extends object>(load: () => T): T {
  let loaded: T | undefined;
  const real = (): T => {
    loaded ??= load();
    return loaded;
  };
  return new Proxy({} as T, {
    // Compiled imports copy a module that does not say that it is one; this one must stay what it is.
    get: (_, name) => (name === "__esModule" ? true : Reflect.get(real(), name)),
    has: (_, name) => Reflect.has(real(), name),
  });
}
