import Billing
import HTTPEndpoint

/// What a user does with their subscription, in the order of the documentation.
///
/// - Parameter publicURL: where Stripe's portal leads back to.
package func subscriptionRoutes(
    subscriptions: CareerSubscriptionService, billing: CareerBillingService, publicURL: String
) -> [Endpoint] {
    let tag = "Subscriptions"
    let at = "/career/subscriptions"
    return [
        Endpoint(.get, at, tag: tag, GetSubscription(subscriptions: subscriptions)),
        Endpoint(
            .post, at + "/activate", tag: tag, ActivateSubscription(subscriptions: subscriptions)),
        Endpoint(.post, at + "/checkout", tag: tag, StartCheckout(billing: billing)),
        Endpoint(.post, at + "/preview-upgrade", tag: tag, PreviewUpgrade(billing: billing)),
        Endpoint(.post, at + "/upgrade", tag: tag, UpgradePlan(billing: billing)),
        Endpoint(.post, at + "/downgrade", tag: tag, DowngradePlan(billing: billing)),
        Endpoint(.post, at + "/cancel", tag: tag, CancelSubscription(billing: billing)),
        Endpoint(.post, at + "/resume", tag: tag, ResumeSubscription(billing: billing)),
        Endpoint(
            .post, at + "/portal", tag: tag,
            OpenPortal(billing: billing, returnURL: publicURL)),
    ]
}
