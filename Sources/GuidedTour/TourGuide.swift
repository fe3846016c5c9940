import Foundation
import HTTPClient
import JSON
import Service
import Shell

/// Sends requests and prints them with their answers.
struct TourGuide {
    let url: String
    let client: HTTPClient

    func say(_ sentence: String) {
        show("\n\u{1B}[1m\(sentence)\u{1B}[0m")
    }

    @discardableResult
    func send(
        _ method: String, _ path: String, _ body: JSONValue? = nil,
        headers: [(String, String)] = [], showing names: Set<String>? = nil,
        expecting status: Int
    ) async throws -> JSONValue {
        show("  \(method) \(path)")
        if let body { show("  " + body.prettyText.replacing("\n", with: "\n  ")) }
        let response = try await client.send(
            HTTPRequest(
                method, url + path, headers: headers + [("Content-Type", "application/json")],
                body: body.map { Array($0.compactText.utf8) }))
        let json = try JSONValue.parse(response.body)
        show("  → \(response.status)" + (names == nil ? "" : ", in part"))
        show(
            "  "
                + shortened(names.map { picked($0, of: json) } ?? json).prettyText.replacing(
                    "\n", with: "\n  "))
        guard response.status == status else {
            throw FriendlyError("expected \(status), got \(response.status)")
        }
        return json
    }

    /// Asks without a word.
    func fetch(
        _ path: String, headers: [(String, String)] = []
    ) async throws -> JSONValue {
        try JSONValue.parse(
            try await client.send(HTTPRequest("GET", url + path, headers: headers)).body)
    }

    /// Presses a button of a hosted page, as a browser does.
    /// - Returns: where it leads.
    func press(_ button: String, on page: String) async throws -> String {
        show("  POST \(page)")
        show("  action=\(button)")
        let response = try await client.send(
            HTTPRequest(
                "POST", page,
                headers: [("Content-Type", "application/x-www-form-urlencoded")],
                body: Array("action=\(button)".utf8)))
        guard response.status == 303, let location = response.header("Location") else {
            throw FriendlyError("the page answered \(response.status) and led nowhere")
        }
        show("  → 303 to \(location)")
        return location
    }

    /// The members of these names, at any depth.
    private func picked(_ names: Set<String>, of json: JSONValue) -> JSONValue {
        switch json {
        case .array(let elements): return .array(elements.map { picked(names, of: $0) })
        case .object(let object):
            return .object(
                JSONObject(
                    object.members.filter { names.contains($0.key) }
                        .map { ($0.key, picked(names, of: $0.value)) }))
        default: return json
        }
    }

    /// Tokens and pages of HTML say little on a screen.
    private func shortened(_ json: JSONValue) -> JSONValue {
        switch json {
        case .string(let text) where text.count > 120: return .string(text.prefix(60) + "…")
        case .array(let elements): return .array(elements.map(shortened))
        case .object(let object):
            return .object(JSONObject(object.members.map { ($0.key, shortened($0.value)) }))
        default: return json
        }
    }
}

/// Shows a line on standard output.
func show(_ line: String) {
    Terminal.write(line + "\n", to: .standardOutput)
}
