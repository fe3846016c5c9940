import HTTPEndpoint

/// Where Stripe's events arrive.
package func webhookRoutes(_ receiver: ReceiveStripeEvent) -> [Endpoint] {
    [
        Endpoint(
            .post, "/webhooks/stripe", tag: "Webhooks", name: "ReceiveStripeEvent",
            about: ReceiveStripeEvent.about, contentType: "application/json",
            answer: receiver.receive)
    ]
}
