import FoundationEssentials
import HTTPEndpoint
import Identity
import JSON
import PageFrame
import Pages
import Users
import Values

/// The password, and where the visitor is signed in.
struct SecurityPage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("security", access: .user)

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) -> ChangePasswordRequest {
        form.body(ChangePasswordRequest.self)
    }

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let me = try await GetMe(identity: parts.identity).perform((), visit.call)
        let list = try await ListSessions(identity: parts.identity).perform((), visit.call)
        let now = parts.now
        let spoken = Spoken(words: words, zone: visit.zone)
        let form = PageForm(
            words,
            [FormField("current_password", .password), FormField("new_password", .newPassword)])
        let sessions = (list.output?.sessions ?? []).prefix(Self.maximumSessions)
        return PageView(
            form.values(visit).with([
                "has_password": .bool(me.output?.user.issuer == nil),
                "sessions": .array(
                    sessions.map { session in
                        [
                            "id": .string(session.id.text),
                            "device": .string(DeviceName.spoken(session.deviceInfo)),
                            "since_html": .string(spoken.instant(session.createdAt, now: now)),
                            "until_html": .string(spoken.day(session.expiresAt, now: now)),
                            "is_current": .bool(session.isCurrent),
                        ]
                    }),
            ]))
    }

    /// The newest sessions that are shown.
    private static let maximumSessions = 25

    func submit(
        _ form: ChangePasswordRequest, _ input: Void, _ visit: Visit
    ) async throws -> Submitted {
        _ = try await ChangePassword(identity: parts.identity).perform(form, visit.call)
        return Submitted("/account/security", notice: "password_changed")
    }
}

/// What a browser says of itself, in two words where they are known.
package enum DeviceName {
    package static func spoken(_ userAgent: String) -> String {
        let browsers = [
            ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
            ("Safari/", "Safari"), ("curl/", "curl"),
        ]
        let systems = [
            ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Mac OS X", "Mac"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
        ]
        let browser = browsers.first { userAgent.contains($0.0) }?.1
        let system = systems.first { userAgent.contains($0.0) }?.1
        switch (browser, system) {
        case (let browser?, let system?): return "\(browser), \(system)"
        case (let name?, nil), (nil, let name?): return name
        case (nil, nil): return String(userAgent.prefix(60))
        }
    }
}

/// Signs one other device out.
struct EndSessionButton: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("security", access: .user)

    struct Form: JSONInput {
        let sessionID: UUID

        static let about = "The session to end."

        init(_ reader: inout ObjectReader) {
            sessionID = reader.required("session_id", .uuid, "The session's id.")
        }
    }

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) -> Form { form.body(Form.self) }

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        guard visit.attempt != nil else { return PageView(.redirect("/account/security")) }
        return try await SecurityPage(parts: parts, words: words).view((), visit.atOtherForm)
    }

    func submit(_ form: Form, _ input: Void, _ visit: Visit) async throws -> Submitted {
        _ = try await DeleteSession(identity: parts.identity).perform(form.sessionID, visit.call)
        return Submitted("/account/security", notice: "session_ended")
    }
}

struct SignOutEverywhereButton: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("security", access: .user)

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        guard visit.attempt != nil else { return PageView(.redirect("/account/security")) }
        return try await SecurityPage(parts: parts, words: words).view((), visit.atOtherForm)
    }

    func submit(_ form: Void, _ input: Void, _ visit: Visit) async throws -> Submitted {
        _ = try await SignOutEverywhere(identity: parts.identity).perform((), visit.call)
        return Submitted("/", notice: "signed_out_everywhere", session: .ended)
    }
}

struct DataPage: Page {
    static let about = AboutPage("data", access: .user)

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView { PageView([:]) }
}

/// The export of the API as a file.
struct ExportFile: Page {
    let parts: PageParts

    static let about = AboutPage("data", access: .user)

    func read(_ input: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        PageView(
            .stream(
                name: "my-data.json", contentType: "application/json",
                try await parts.export(visit.call)))
    }
}

struct DeletePage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("delete", access: .user)

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) {}

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        var step = ConfirmStep(
            words, "delete", action: "/account/data/delete", back: "/account/data")
        step.facts = ["delete.plan", "delete.erased", "delete.kept"].map { words.html($0) }
        step.isDanger = true
        return PageView(step.values(visit))
    }

    func submit(_ form: Void, _ input: Void, _ visit: Visit) async throws -> Submitted {
        _ = try await DeleteMe(identity: parts.identity).perform((), visit.call)
        return Submitted("/", notice: "deleted", session: .ended)
    }
}

struct ProfilePage: FormPage {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("profile", access: .user)

    func read(_ input: inout InputReader) {}

    func read(form: inout InputReader) -> UpdateMeRequest { form.body(UpdateMeRequest.self) }

    func view(_ input: Void, _ visit: Visit) async throws -> PageView {
        let reply = try await GetMe(identity: parts.identity).perform((), visit.call)
        guard let user = reply.output?.user else { throw Problem.internalError }
        let form = PageForm(
            words,
            [
                FormField("full_name", .text(autocomplete: "name"), isNeeded: false),
                FormField(
                    "time_zone", .choice(ReaderZone.known.map { (value: $0, text: $0) })),
            ])
        return PageView(
            form.values(
                visit, ["full_name": user.fullName ?? "", "time_zone": visit.zone.name]
            ).with([
                "email_html": .string(
                    user.email?.escapedForHTML ?? words.html("profile.email.none")),
                "since_html": .string(
                    Spoken(words: words, zone: visit.zone).day(user.createdAt, now: parts.now)),
                "id": .string(user.id.text),
            ]))
    }

    func submit(_ form: UpdateMeRequest, _ input: Void, _ visit: Visit) async throws -> Submitted {
        _ = try await UpdateMe(identity: parts.identity).perform(form, visit.call)
        return Submitted("/account/profile", notice: "saved")
    }
}
