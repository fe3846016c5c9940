import HTTPEndpoint
import HTTPTypes
import JSON

extension SitePageFrame {
    /// The page of an error, for an address that has none of its own.
    package func errorPage(_ problem: Problem, _ call: Call) async throws -> Answer {
        let cookies = Cookies(call.headers, isSecure: isSecure)
        var isSignedIn = false
        if problem.status < 500 { isSignedIn = try await caller(cookies) != nil }
        let known = [400, 403, 404, 405, 409, 500, 503]
        let status =
            known.contains(problem.status) ? problem.status : problem.status < 500 ? 400 : 500
        let own = "problem.\(problem.code)"
        let heading = words.html("error.heading.\(status)")
        let next = isSignedIn ? renderer.realm.name : "home"
        var answer = try renderer.answer(
            [
                "heading": .string(heading), "heading_html": .string(heading),
                "text_html": .string(
                    words.has(own) ? words.html(own) + "." : words.html("error.text.\(status)")),
                "retry_html": .text(
                    problem.headers[.retryAfter].map {
                        words.html("error.retry", ["seconds": $0])
                    }),
                "next": .string(isSignedIn ? renderer.realm.home : "/"),
                "next_html": .string(words.html("error.next.\(next)")),
                "request_id": .string(call.id),
            ], AboutPage("error", access: .everybody),
            PageRenderer.Setting(
                status: problem.status,
                token: cookies[renderer.realm.cookie].map { forms.make(for: $0) },
                isSignedIn: isSignedIn))
        for (name, value) in problem.headers { answer.headers[name] = value }
        return answer
    }
}
