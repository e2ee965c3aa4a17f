import { crdsText } from "./crds";
import { print } from "./terminal";

export async function printCrds(format: "yaml" | "json"): Promise<void> {
  await print(await crdsText(format));
}
