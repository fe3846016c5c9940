import HTTPEndpoint
import JSON

/// One field of a form, as it is shown. What it may hold is declared where it is read.
package struct FormField: Sendable {
    package enum Kind: Sendable {
        case text(autocomplete: String)
        case email
        case password
        case newPassword
        case code
        /// A code of an operator's authenticator, or a recovery code.
        case operatorCode
        case number
        /// An amount of credits.
        case amount
        case date
        case tick
        /// The value of each choice and its text as HTML.
        case choice([(value: String, text: String)])
        case hidden
        /// A text of a few lines.
        case note
        /// A text of many lines.
        case area
    }

    let name: String
    let kind: Kind
    var isNeeded = true
    /// By which its words go: `field.`, `hint.` and `error.` and this.
    let wording: String

    /// - Parameter wording: by which its words go, if not by its name.
    package init(
        _ name: String, _ kind: Kind, isNeeded: Bool = true, wording: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.isNeeded = isNeeded
        self.wording = wording ?? name
    }

    /// The attributes of its input element.
    fileprivate var attributes: JSONObject {
        switch kind {
        case .text(let autocomplete): ["type": "text", "autocomplete": .string(autocomplete)]
        case .email: ["type": "email", "autocomplete": "email", "maximum": "254"]
        case .password:
            ["type": "password", "autocomplete": "current-password", "maximum": "128"]
        case .newPassword: ["type": "password", "autocomplete": "new-password", "maximum": "128"]
        case .code:
            [
                "type": "text", "autocomplete": "one-time-code", "inputmode": "numeric",
                "class": "code", "maximum": "6",
            ]
        case .operatorCode:
            ["type": "text", "autocomplete": "one-time-code", "maximum": "32"]
        case .number: ["type": "text", "inputmode": "numeric", "autocomplete": "off"]
        case .amount: ["type": "text", "inputmode": "decimal", "autocomplete": "off"]
        case .date: ["type": "date", "autocomplete": "off"]
        case .tick, .choice, .hidden: [:]
        case .note: ["rows": "4"]
        case .area: ["rows": "24"]
        }
    }

    /// Whether what was typed is never shown again.
    fileprivate var isSecret: Bool {
        switch kind {
        case .password, .newPassword, .code, .operatorCode: true
        default: false
        }
    }
}

/// A form as its templates take it: fields with what was typed, what is wrong with each, and a
/// summary that leads to them.
package struct PageForm: Sendable {
    let words: Words
    let fields: [FormField]

    package init(_ words: Words, _ fields: [FormField]) {
        self.words = words
        self.fields = fields
    }

    /// - Parameter values: what the fields hold before anybody has typed, and after another form of
    ///   the page was refused.
    package func values(_ visit: Visit, _ values: [String: String] = [:]) -> JSONObject {
        let attempt = visit.attempt
        let isOwn = attempt?.isOfAnotherForm != true
        let typed = isOwn ? attempt?.typed : nil
        var errors: [String: String] = [:]
        var order: [String] = []
        for error in attempt?.problem.errors ?? [] {
            guard let name = error.loc.last, errors[name] == nil else { continue }
            errors[name] = sentence(error, name)
            order.append(name)
        }
        let shown = isOwn ? Set(fields.map(\.name)) : []
        // A refusal that is about one field stands beside it.
        if order.isEmpty, let problem = attempt?.problem,
            let name = Self.fieldsOfRefusals[problem.code], shown.contains(name)
        {
            errors[name] = text(of: problem)
        }
        let firstWrong = fields.first { shown.contains($0.name) && errors[$0.name] != nil }?.name
        let items = fields.map { field in
            JSONValue.object(
                item(
                    field, (typed ?? values)[field.name],
                    shown.contains(field.name) ? errors[field.name] : nil,
                    hasFocus: field.name == firstWrong))
        }
        var summary = order.map { name -> JSONValue in
            [
                "text_html": .string(errors[name] ?? ""),
                "href": shown.contains(name) ? .string("#" + name) : .null,
            ]
        }
        if summary.isEmpty, let problem = attempt?.problem {
            summary.append(.object(item(problem, shown)))
        }
        var object: JSONObject = ["fields": .array(items)]
        object["problem"] = summary.isEmpty ? .null : ["items": .array(summary)]
        return object
    }

    private func item(
        _ field: FormField, _ value: String?, _ error: String?, hasFocus: Bool
    ) -> JSONObject {
        var item = field.attributes
        let id = field.name
        item["id"] = .string(id)
        item["name"] = .string(field.name)
        item["label_html"] = .string(words.html("field.\(field.wording)"))
        item["error_html"] = .text(error)
        item["has_focus"] = .bool(hasFocus)
        item["is_needed"] = .bool(field.isNeeded)
        if !field.isSecret, value?.isEmpty == false { item["value"] = .text(value) }
        var isNew = false
        if case .newPassword = field.kind { isNew = true }
        let own = "hint.\(field.wording)"
        let hints = isNew ? [own + ".new", own] : [own]
        let hint = hints.first { words.has($0) }
        item["hint_html"] = .text(hint.map { words.html($0) })
        let about = [(hint != nil, "hint"), (error != nil, "error")]
            .filter(\.0).map { "\(id)-\($0.1)" }
        item["described_by"] = about.isEmpty ? .null : .string(about.joined(separator: " "))
        switch field.kind {
        case .hidden:
            item["is_hidden"] = true
            item["value"] = .string(value ?? "")
        case .note, .area: item["is_area"] = true
        case .tick:
            item["is_tick"] = true
            item["is_ticked"] = .bool(value != nil)
        case .choice(let choices):
            item["is_choice"] = true
            item["choices"] = .array(
                choices.map { choice in
                    [
                        "value": .string(choice.value), "text_html": .string(choice.text),
                        "is_chosen": .bool(choice.value == value ?? ""),
                    ]
                })
        default: item["is_text"] = true
        }
        for kind in ["is_hidden", "is_tick", "is_choice", "is_text", "is_area"]
        where item[kind] == nil {
            item[kind] = false
        }
        return item
    }

    /// One sentence for what is wrong with a field.
    private func sentence(_ error: FieldError, _ name: String) -> String {
        let wording = fields.first { $0.name == name }?.wording ?? name
        let own = "error.\(wording).\(error.type)"
        if words.has(own) { return words.html(own) }
        let key = "field.\(wording)"
        let label = words.has(key) ? words.html(key) : name.escapedForHTML
        if error.type == "missing" { return words.html("error.any.missing", ["field": label]) }
        return words.html("error.any", ["field": label, "message": error.msg])
    }

    /// What the summary says of a refusal that is about no field.
    ///
    /// - Parameter shown: the names of the fields that it may be about.
    private func item(_ problem: Problem, _ shown: Set<String>) -> JSONObject {
        let key = "problem.\(problem.code)"
        if let url = problem.members["url"], url.hasPrefix("https://") || url.hasPrefix("http://"),
            words.has(key + ".link")
        {
            return ["text_html": .string(words.html(key + ".link")), "href": .string(url)]
        }
        let field = Self.fieldsOfRefusals[problem.code].flatMap { name in
            shown.contains(name) ? "#" + name : nil
        }
        return ["text_html": .string(text(of: problem)), "href": .text(field)]
    }

    private func text(of problem: Problem) -> String {
        let key = "problem.\(problem.code)"
        let seconds = problem.headers[.retryAfter].flatMap { Int64($0) } ?? 60
        let values = ["minutes": String((seconds + 59) / 60)]
        return words.has(key) ? words.html(key, values) : problem.detail.escapedForHTML
    }

    /// Refusals that are about one field, by their codes.
    private static let fieldsOfRefusals = [
        "invalid_code": "otp_code", "wrong_password": "current_password",
        "code_needed": "operator_code",
        "unknown_code": "code", "code_not_yet_valid": "code", "code_expired": "code",
        "code_used_up": "code", "slug_taken": "slug", "already_member": "email",
        "already_invited": "email", "seats_outside_plan": "seat_count",
        "seats_in_use": "seat_count", "fewer_seats_later": "seat_count",
        "more_seats_now": "seat_count",
    ]
}

extension JSONObject {
    /// These members and the others'.
    package func with(_ others: JSONObject) -> JSONObject {
        var copy = self
        for member in others.members { copy[member.key] = member.value }
        return copy
    }
}
