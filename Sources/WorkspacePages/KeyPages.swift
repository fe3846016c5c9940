import APIKeys
import FoundationEssentials
import HTTPEndpoint
import JSON
import PageFrame
import Values
import WorkspaceKeys
import Workspaces

/// A workspace's keys; a new one, which is shown once.
struct KeysPage: SpacePage, FormPage {
    typealias Shown = ListAPIKeys

    let parts: WorkspacePageParts

    static let about = AboutPage.space("keys")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, hasPages: true)
    }

    func read(form: inout InputReader) -> NewAPIKeyRequest { form.body(NewAPIKeyRequest.self) }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let reply = try await parts.workspaces.listKeys.perform(
            desk.page(address.cursor), desk.visit.call)
        let form = PageForm(
            words,
            [
                FormField("name", .text(autocomplete: "off"), wording: "key_name"),
                FormField("is_test_key", .tick, isNeeded: false),
                FormField("expires_in_days", .number, isNeeded: false),
                FormField("credit_limit", .amount, isNeeded: false),
            ])
        let items = reply.output?.items ?? []
        let refusal = desk.workspace.refusalToAdd
        return PageView(
            desk.values("keys", form.values(desk.visit)).with([
                "has_keys": .bool(!items.isEmpty),
                "keys": SpaceDesk.rows(items) { Self.row($0, desk) },
                "can_make": .bool(desk.isAdmin && refusal == nil),
                "is_member": .bool(!desk.isAdmin),
                "refusal_html": .text(
                    desk.isAdmin ? refusal.map { words.html("problem.\($0.code)") + "." } : nil),
            ]).with(
                desk.pager(desk.path + "/keys", address.cursor, next: reply.output?.nextCursor)))
    }

    static func row(_ shown: APIKeyResponse, _ desk: SpaceDesk) -> JSONObject {
        let (key, words) = (shown.key, desk.words)
        let tones: [APIKeyState: String] = [.live: "good", .expired: "warn", .revoked: "bad"]
        func day(_ instant: Timestamp?, _ none: String) -> JSONValue {
            .string(
                instant.map { desk.spoken.day($0, now: desk.now) }
                    ?? words.html("space.key.\(none)"))
        }
        return desk.badge("key", shown.state.rawValue, tones[shown.state] ?? "warn").with([
            "name": .string(key.name), "prefix": .string(key.prefix),
            "is_test": .bool(key.isTest),
            "limit_html": .string(
                key.creditLimit.map { $0.spoken } ?? words.html("space.key.unlimited")),
            "used_html": day(key.lastUsedAt, "unused"), "end_html": day(key.expiresAt, "endless"),
            "href": .text(
                desk.isAdmin && shown.state == .live
                    ? "\(desk.path)/keys/\(key.id.text)" : nil),
        ])
    }

    func submit(
        _ form: NewAPIKeyRequest, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        let id = try address.workspace
        return try await parts.showOnce(in: id, visit) {
            try await parts.workspaces.createKey.perform((id, form), visit.call).output
        }
    }
}

extension WorkspacePageParts {
    /// Makes a key and shows it in the answer alone. What the page needs is read before: nothing
    /// that can fail stands between a key that is good and its being seen.
    fileprivate func showOnce(
        in id: UUID, _ visit: Visit, _ make: () async throws -> NewAPIKeyResponse?
    ) async throws -> Submitted {
        let desk = try await desk(for: ListAPIKeys.self, at: id, visit)
        guard let made = try await make() else { throw Problem.internalError }
        return Submitted(
            desk.path + "/keys", notice: "key_made_before",
            showing: PageView(
                desk.values(
                    "keys",
                    [
                        "id": "api_key", "value": .string(made.secret),
                        "label_html": .string(
                            words.html("space.key.new", ["key": made.key.key.name])),
                        "is_test": .bool(made.key.key.isTest),
                    ]), template: "key_made"))
    }
}

/// One key: its name and limit, a key in its place, its end.
struct KeyPage: SpacePage, FormPage {
    typealias Shown = UpdateAPIKey

    /// Seconds for which both keys are good.
    private static let overlaps: [Int64] = [0, 3600, 86_400, 604_800]

    let parts: WorkspacePageParts

    static let about = AboutPage.space("key")
    static let item = "key_id"

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, item: Self.item)
    }

    func read(form: inout InputReader) -> APIKeyChangeRequest {
        form.body(APIKeyChangeRequest.self)
    }

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let shown = try await parts.workspaces.key(
            address.item, of: desk.id, by: desk.visit.call)
        let key = shown.key
        let form = PageForm(
            words,
            [
                FormField("name", .text(autocomplete: "off"), wording: "key_name"),
                FormField("credit_limit", .amount, isNeeded: false),
            ])
        let overlap = PageForm(
            words,
            [
                FormField(
                    "overlap_seconds",
                    .choice(
                        Self.overlaps.map {
                            (value: String($0), text: words.html("space.key.overlap.\($0)"))
                        }))
            ])
        return PageView(
            desk.values(
                "keys",
                form.values(
                    desk.visit,
                    ["name": key.name, "credit_limit": key.creditLimit?.decimal ?? ""])
            ).with(KeysPage.row(shown, desk)).with([
                "key_name": .string(key.name), "name": .string(desk.workspace.displayName),
                "at": .string("\(desk.path)/keys/\(key.id.text)"),
                "is_live": .bool(shown.state == .live),
                "overlap": .object(
                    overlap.values(desk.visit.atOtherForm, ["overlap_seconds": "0"])),
            ]))
    }

    func submit(
        _ form: APIKeyChangeRequest, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        let (id, key) = (try address.workspace, try address.item)
        try Problem.requireFilled(["name": form.name])
        _ = try await parts.workspaces.updateKey.perform(
            .init(workspace: id, key: key, request: form), visit.call)
        return Submitted(
            "\(WorkspacePageParts.root)/\(id.text)/keys/\(key.text)", notice: "saved")
    }
}

/// Makes a key in another's place, which is shown once.
struct RotateKeyButton: SpaceButton {
    let parts: WorkspacePageParts

    var owner: KeyPage { KeyPage(parts: parts) }

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, item: KeyPage.item)
    }

    func read(form: inout InputReader) -> RotationRequest { form.body(RotationRequest.self) }

    func place(_ address: SpaceAddress) throws -> String { "/keys/\(try address.item.text)" }

    func submit(
        _ form: RotationRequest, _ address: SpaceAddress, _ visit: Visit
    ) async throws -> Submitted {
        let id = try address.workspace
        return try await parts.showOnce(in: id, visit) {
            try await parts.workspaces.rotateKey.perform(
                .init(workspace: id, key: address.item, request: form), visit.call
            ).output
        }
    }
}

struct RevokeKeyPage: SpacePage, FormPage {
    typealias Shown = RevokeAPIKey

    let parts: WorkspacePageParts

    static let about = AboutPage.space("space_confirm")

    func read(_ input: inout InputReader) -> SpaceAddress {
        SpaceAddress(&input, item: KeyPage.item)
    }

    func read(form: inout InputReader) {}

    func view(_ address: SpaceAddress, _ desk: SpaceDesk) async throws -> PageView {
        let shown = try await parts.workspaces.key(
            address.item, of: desk.id, by: desk.visit.call)
        let at = "\(desk.path)/keys/\(shown.key.id.text)"
        return desk.confirm(
            "revoke", action: at + "/revoke", back: at, facts: ["now", "running"],
            ["key": shown.key.name])
    }

    func submit(_ form: Void, _ address: SpaceAddress, _ visit: Visit) async throws -> Submitted {
        let id = try address.workspace
        _ = try await parts.workspaces.revokeKey.perform((id, address.item), visit.call)
        return Submitted("\(WorkspacePageParts.root)/\(id.text)/keys", notice: "key_revoked")
    }
}
