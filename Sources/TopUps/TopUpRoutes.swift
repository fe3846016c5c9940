import HTTPEndpoint

/// Has a caller prove anew who they are, by a password or by what their token tells.
package typealias ProofOfCaller = @Sendable (Call, String?) async throws -> Void

package func topUpRoutes(_ service: TopUpService, proof: @escaping ProofOfCaller) -> [Endpoint] {
    let tag = "Credits"
    let at = "/career/credits/auto-top-up"
    return [
        Endpoint(.get, at, tag: tag, GetAutoTopUp(service: service)),
        Endpoint(.put, at, tag: tag, PutAutoTopUp(service: service, proof: proof)),
        Endpoint(
            .post, "/career/credits/top-ups/{grant_id}/refund", tag: tag,
            GiveBackTopUp(service: service)),
    ]
}
