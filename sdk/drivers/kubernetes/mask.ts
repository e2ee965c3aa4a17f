/** A subscriber's identity as logs and messages may show it: what it is, and its last four digits. */
export function mask(subscriber: string): string {
  const cut = subscriber.lastIndexOf("-") + 1;
  const digits = subscriber.slice(cut);
  return `${subscriber.slice(0, cut)}${"*".repeat(Math.max(0, digits.length - 4))}${digits.slice(-4)}`;
}
