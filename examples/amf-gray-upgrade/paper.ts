/**
 * Table 1 of the pilot's report: users and KPIs of an AMF per side at 0, 50 and 100 % (GRY-11). The report prints 100.00
 * for a side without users; here that is left out.
 *
 * @module
 */

/** Ratios at which the pilot rested, percent. */
export const RATIOS = [0, 50, 100] as const;
export type Ratio = (typeof RATIOS)[number];

export const SIDES = ["left", "right"] as const;
export type Side = (typeof SIDES)[number];

/** A figure for each ratio and side; undefined where nobody was served. */
export type Cells = Readonly<Record<Ratio, Readonly<Partial<Record<Side, number>>>>>;

export interface PaperRow {
  readonly title: string;
  /** Users are counted, of a KPI the success in percent is told. */
  readonly kind: "users" | "kpi";
  /** Access type of the users, or procedure as the traffic's record names it. */
  readonly of: string;
  readonly paper: Cells;
}

const users = (title: string, of: string, at0: number, at50: [number, number], at100: number): PaperRow => ({
  title,
  kind: "users",
  of,
  paper: {
    0: { left: at0, right: 0 },
    50: { left: at50[0], right: at50[1] },
    100: { left: 0, right: at100 },
  },
});

const kpi = (title: string, of: string, at0: number, at50: [number, number], at100: number): PaperRow => ({
  title,
  kind: "kpi",
  of,
  paper: { 0: { left: at0 }, 50: { left: at50[0], right: at50[1] }, 100: { right: at100 } },
});

/** In the order of the paper. */
export const TABLE_1: readonly PaperRow[] = [
  users("4G users", "4g", 3_259, [1_696, 1_608], 3_320),
  kpi("4G attach, %", "attach", 99.66, [99.68, 99.69], 99.71),
  kpi("4G location update, %", "tracking-area-update", 99.98, [99.98, 99.97], 99.97),
  kpi("PDN connection, %", "pdn-connection", 99.57, [99.51, 99.53], 99.59),
  users("5G users", "5g", 27_359, [13_856, 13_961], 27_950),
  kpi("handover 4G to 5G, %", "handover-4g-to-5g", 100, [100, 100], 100),
  kpi("handover 5G to 4G, %", "handover-5g-to-4g", 92.15, [92.67, 92.29], 92.34),
  kpi("PDU session, %", "pdu-session-establishment", 99.98, [99.99, 99.97], 99.98),
  kpi("paging, %", "paging", 99.33, [99.41, 99.3], 99.35),
  kpi("5G initial registration, %", "initial-registration", 100, [100, 100], 100),
];

/** Users of the pilot before it began. */
export const PAPER_USERS = { "4g": 3_259, "5g": 27_359 } as const;

/** Success that the site's procedures have without any fault of the network: Table 1 before the pilot began. */
export const siteRates = (): Record<string, number> =>
  Object.fromEntries(
    TABLE_1.filter(({ kind, of }) => kind === "kpi" && of !== "initial-registration").map(({ of, paper }) => [
      of,
      paper[0].left ?? 100,
    ]),
  );
