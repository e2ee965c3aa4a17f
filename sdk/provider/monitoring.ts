/**
 * Joins what the policy says of the site's monitoring with the drivers that ask it. They are loaded only where it says
 * something.
 *
 * @module
 */
import type { Monitoring } from "../campaign/gate-watch";
import type { ResolvedMonitoring } from "../policy/gate-policy";

export async function monitoringOf({ prometheus, alertmanager }: ResolvedMonitoring): Promise<Monitoring> {
  const [metrics, alerts] = await Promise.all([
    prometheus && import("../drivers/prometheus/index.js"),
    alertmanager && import("../drivers/alertmanager/index.js"),
  ]);
  return {
    ...(prometheus && metrics ? { metrics: new metrics.PrometheusSource(prometheus) } : {}),
    ...(alertmanager && alerts ? { alerts: new alerts.AlertmanagerSource(alertmanager) } : {}),
  };
}
