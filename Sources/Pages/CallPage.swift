import Career
import FoundationEssentials
import HTTPEndpoint
import JSON
import Ledger
import PageFrame
import Values

/// Why a call cost what it cost.
struct CallPage: Page {
    let parts: PageParts
    let words: Words

    static let about = AboutPage("call", access: .user)

    func read(_ input: inout InputReader) -> UUID? {
        // What is no id is nobody's call.
        UUID(uuidString: input.path("usage_id", .text(1...64), "The call's id."))
    }

    func view(_ id: UUID?, _ visit: Visit) async throws -> PageView {
        guard let id else { throw Problem.notFound }
        let call: CallExplanation
        do {
            let reply = try await parts.career.explainUsage.perform(id, visit.call)
            guard let output = reply.output else { throw Problem.notFound }
            call = output.call
        } catch let problem as Problem where problem.status == 404 {
            throw Problem.notFound
        }
        return PageView(
            CallView(
                words: words, spoken: Spoken(words: words, zone: visit.zone), now: parts.now,
                root: "/account/usage"
            ).values(call))
    }
}

/// Why a call cost what it cost, in a sentence, in facts and step by step.
package struct CallView: Sendable {
    let words: Words
    let spoken: Spoken
    let now: Timestamp
    /// Where the calls of the same account are listed and, below it, explained.
    let root: String

    package init(words: Words, spoken: Spoken, now: Timestamp, root: String) {
        (self.words, self.spoken, self.now, self.root) = (words, spoken, now, root)
    }

    package func values(_ call: CallExplanation) -> JSONObject {
        let tone = CallRows.tone(call.status)
        return [
            "feature": .string(FeatureName.spoken(call.log.featureKey)),
            "tone": .string(tone == "wait" ? "warn" : tone),
            "sentence_html": .string(
                words.html(
                    sentence(call), ["credits": CallRows.credits(call.log, call.status)])),
            "facts": .array(facts(call)), "steps": .array(steps(call)), "back": .string(root),
        ]
    }

    /// A call that was charged in parts costs these however it ends.
    private func sentence(_ call: CallExplanation) -> String {
        let isOver = call.status == .failed || call.status == .expired
        return "call.sentence.\(call.status.rawValue)"
            + (isOver && call.charged > .zero ? ".parts" : "")
    }

    private func facts(_ call: CallExplanation) -> [JSONValue] {
        let log = call.log
        var facts = [price(call)]
        if let terms = call.terms, terms.multiplier != .one || call.tokenPrice != nil {
            facts.append(fact("reckoned", reckoned(call, terms)))
        }
        facts.append(
            fact(
                "charged",
                call.status == .success || call.charged > .zero
                    ? words.html("call.fact.charged.text", ["credits": call.charged.spoken])
                    : words.html("call.fact.charged.none")))
        if log.creditsNotCharged > .zero {
            facts.append(
                fact(
                    "not_charged",
                    words.html(
                        "call.fact.not_charged.text", ["credits": log.creditsNotCharged.spoken])))
        }
        if let failure = log.failure {
            let reason = words.html("failure.\(failure.type.rawValue)")
            facts.append(fact("failure", "\(reason): \(failure.reason.escapedForHTML)"))
        }
        if let model = log.metrics.modelUsed { facts.append(fact("model", model.escapedForHTML)) }
        if let tokensIn = log.metrics.inputTokens, let tokensOut = log.metrics.outputTokens {
            facts.append(fact("tokens", "\(tokensIn), \(tokensOut)"))
        }
        for (name, balance) in [("before", log.balances.before), ("after", log.balances.after)] {
            if let balance { facts.append(fact(name, balance.spoken)) }
        }
        if let parent = log.parentID {
            facts.append(
                fact(
                    "parent",
                    "<a href=\"\(root)/\(parent.text)\">\(code(parent.text))</a>"))
        }
        if log.creditsLent > .zero {
            facts.append(
                fact(
                    "lent",
                    words.html("call.fact.lent.text", ["credits": log.creditsLent.spoken])))
        }
        facts.append(fact("request", code(log.key.requestID)))
        facts.append(fact("id", code(log.id.text)))
        return facts
    }

    /// What is charged by tokens has no price of its own, only what was held for it.
    private func price(_ call: CallExplanation) -> JSONValue {
        let name = call.log.pin == nil ? "price" : "held"
        let amount = call.log.pin == nil ? call.heldAtFirst : call.log.creditsReserved
        return fact(name, words.html("call.fact.\(name).text", ["credits": amount.spoken]))
    }

    /// The feature's cost or prices of tokens, and the plan's multiplier.
    private func reckoned(_ call: CallExplanation, _ terms: CallTerms) -> String {
        let price = call.tokenPrice
        return words.html(
            price == nil ? "call.fact.reckoned.fixed" : "call.fact.reckoned.tokens",
            [
                "cost": terms.feature.internalCost.spoken,
                "input": price?.input.spoken ?? "", "output": price?.output.spoken ?? "",
                "times": terms.multiplier.decimal,
                "plan": call.circumstances.plan?.name ?? "",
            ])
    }

    private func fact(_ name: String, _ value: String) -> JSONValue {
        ["name_html": .string(words.html("call.fact.\(name)")), "value_html": .string(value)]
    }

    private func code(_ text: String) -> String {
        "<span class=\"code\">\(text.escapedForHTML)</span>"
    }

    private func steps(_ call: CallExplanation) -> [JSONValue] {
        func step(_ key: String, _ at: Timestamp, _ credits: Credits) -> JSONValue {
            [
                "what_html": .string(words.html(key, ["credits": credits.spoken])),
                "when_html": .string(spoken.instant(at, now: now)),
            ]
        }
        let steps = call.timeline.map { event in
            let isTime = event.kind == .extended && event.credits == .zero
            let name = isTime ? "prolonged" : event.kind.rawValue
            return step("call.step.\(name)", event.at, event.credits)
        }
        let next = step("call.step.PENDING", call.log.expiresAt, .zero)
        return steps + (call.status == .pending ? [next] : [])
    }
}
