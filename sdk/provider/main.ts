/**
 * Entry of the provider process.
 *
 * @module
 */
import * as provider from "@pulumi/pulumi/provider";
import { Engine } from "./engine";
import { IssuProvider } from "./issu-provider";

const args = process.argv.slice(2);
const engine = new Engine(args.find((arg) => !arg.startsWith("-")));
void provider.main(new IssuProvider(engine), args);
