/**
 * What an operator types: lines with the usual editing, and single keys for a pager.
 *
 * @module
 */
export class Keyboard {
  readonly #echo: (text: string) => void;
  #line = "";
  #afterReturn = false;
  readonly #lines: string[] = [];
  #ended = false;
  #wantsLine: ((line: string | undefined) => void) | undefined;
  #wantsKey: ((key: string) => void) | undefined;

  /** @param echo shows what was typed */
  constructor(echo: (text: string) => void) {
    this.#echo = echo;
  }

  feed(text: string): void {
    for (const key of text) this.#press(key);
  }

  end(): void {
    this.#ended = true;
    if (this.#line !== "") this.#finish();
    this.#wantsLine?.(undefined);
    this.#wantsKey?.("q");
  }

  /** @returns undefined once there is no more */
  line(): Promise<string | undefined> {
    const ready = this.#lines.shift();
    if (ready !== undefined || this.#ended) return Promise.resolve(ready);
    return new Promise((resolve) => {
      this.#wantsLine = (line) => {
        this.#wantsLine = undefined;
        resolve(line);
      };
    });
  }

  key(): Promise<string> {
    if (this.#ended) return Promise.resolve("q");
    return new Promise((resolve) => {
      this.#wantsKey = (key) => {
        this.#wantsKey = undefined;
        resolve(key);
      };
    });
  }

  #press(key: string): void {
    if (this.#wantsKey) {
      this.#wantsKey(key);
      return;
    }
    const afterReturn = this.#afterReturn;
    this.#afterReturn = key === "\r";
    if (key === "\n" && afterReturn) return;
    if (key === "\r" || key === "\n") {
      this.#echo("\r\n");
      this.#finish();
    } else if (key === "\x7f" || key === "\b") {
      if (this.#line === "") return;
      this.#line = this.#line.slice(0, -1);
      this.#echo("\b \b");
    } else if (key === "\x15") {
      this.#echo("\b \b".repeat(this.#line.length));
      this.#line = "";
    } else if (key === "\x03") {
      this.#line = "";
      this.#echo("^C\r\n");
      this.#finish();
    } else if (key === "\x04") {
      if (this.#line === "") this.end();
    } else if (key >= " ") {
      this.#line += key;
      this.#echo(key);
    }
  }

  #finish(): void {
    const line = this.#line;
    this.#line = "";
    if (this.#wantsLine) this.#wantsLine(line);
    else this.#lines.push(line);
  }
}
