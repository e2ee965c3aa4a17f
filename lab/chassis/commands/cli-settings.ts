import { CliError, type Command } from "../cli/command.ts";

const number = (text: string | undefined): number => {
  if (text === undefined || !/^\d+$/.test(text)) throw new CliError("error: missing argument: a number");
  return Number(text);
};

export const setScreenLength: Command = {
  words: "set cli screen-length",
  run({ args, screen, print }) {
    screen.length = number(args[0]);
    print(`Screen length set to ${screen.length}`);
  },
};

export const setScreenWidth: Command = {
  words: "set cli screen-width",
  run({ args, screen, print }) {
    screen.width = number(args[0]);
    print(`Screen width set to ${screen.width}`);
  },
};

export const setCompleteOnSpace: Command = {
  words: "set cli complete-on-space",
  run({ args, print }) {
    print(`${args[0] === "off" ? "Disabling" : "Enabling"} complete-on-space`);
  },
};

export const setTimestamp: Command = {
  words: "set cli timestamp",
  run({ print }) {
    print("CLI timestamp disabled");
  },
};
