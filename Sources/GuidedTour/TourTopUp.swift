import Foundation
import JSON
import Service
import Values

/// A pack that is bought by itself: agreed to with the password, bought once, stopped by its cap.
extension TourPaying {
    private static let path = "/career/credits/auto-top-up"
    private static let agreed: Set = [
        "enabled", "pack_id", "price", "credits", "below", "monthly_maximum", "bought_this_month",
    ]

    mutating func topUpByItself() async throws {
        try await awaitMonth()
        let packs = try await guide.fetch("/career/credits/packs")
        guard let pack = packs["packs"]?.array?.first?["id"] else {
            throw FriendlyError("the catalog has no packs")
        }
        guide.say(
            "They have a pack bought whenever fewer than 1000 credits are left, once a month at "
                + "most; a tool's token alone could not agree to that")
        let wish: JSONObject = [
            "pack_id": pack, "below": "1000", "monthly_maximum": 1, "enabled": true,
        ]
        try await guide.send(
            "PUT", Self.path, .object(wish), headers: visitor.headers, showing: ["code", "detail"],
            expecting: 403)
        try await guide.send(
            "PUT", Self.path,
            .object(wish.adding("current_password", .string(visitor.password))),
            headers: visitor.headers, showing: Self.agreed, expecting: 200)
        guide.say("A call is charged, and a pack is bought")
        try await spend("top-up-1")
        try await move(seconds: 1)
        try await expectCredits("599.00")
        guide.say("Two hours later another is charged; but the month's one pack was bought")
        try await move(seconds: 2 * 3600)
        try await spend("top-up-2")
        try await move(seconds: 1)
        try await expectCredits("598.00")
        let standing = try await get(Self.path, showing: Self.agreed)
        guard standing["enabled"] == true, standing["bought_this_month"] == 1 else {
            throw FriendlyError("the automatic top-up is not what it should be")
        }
        guide.say("One mail has told of it")
        let mailbox = try await guide.send(
            "GET", "/dev/mailbox?to=\(visitor.email)", showing: ["messages", "subject"],
            expecting: 200)
        let told = mailbox["messages"]?.array?.filter {
            $0["subject"] == "Your credits were topped up"
        }
        guard told?.count == 1 else { throw FriendlyError("not one mail has told of the pack") }
    }

    /// What is counted by the month is counted within one.
    private mutating func awaitMonth() async throws {
        let answer = try await guide.send(
            "POST", "/dev/clock", ["advance_seconds": 0], expecting: 200)
        guard let now = answer["now"]?.string.flatMap({ Timestamp(rfc3339: $0) }) else { return }
        let later = now.adding(seconds: 3 * 3600)
        if later.rfc3339.prefix(7) != now.rfc3339.prefix(7) {
            guide.say("The month is nearly over; they wait for the next")
            try await move(seconds: 3 * 3600)
        }
    }

    /// An AI tool server's call, from its question to its charge.
    private func spend(_ request: String) async throws {
        let tool = [("X-Internal-API-Key", internalKey)]
        let granted = try await guide.send(
            "POST", "/career/internal/usage/validate",
            [
                "request_id": .string("tour-" + request), "feature_key": "career.job_match",
                "endpoint": "/v1/job-match", "method": "POST",
                "payload_hash": .string(String(repeating: "0a", count: 32)),
            ], headers: visitor.headers + tool, showing: ["access", "credits_reserved"],
            expecting: 200)
        let own = try await guide.fetch(Self.base + "/", headers: visitor.headers)
        try await guide.send(
            "POST", "/career/internal/usage/commit",
            [
                "user_id": own["user_id"] ?? .null, "usage_id": granted["usage_id"] ?? .null,
                "success": true, "metrics": ["model_used": "coach-1", "latency_ms": 840],
            ], headers: tool, showing: ["credits_charged"], expecting: 200)
    }
}

extension JSONObject {
    fileprivate func adding(_ name: String, _ value: JSONValue) -> JSONObject {
        var copy = self
        copy[name] = value
        return copy
    }
}
