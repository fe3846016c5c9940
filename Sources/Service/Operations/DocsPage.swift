import Crypto
import FoundationEssentials
import HTTPTypes
import JSON

/// The OpenAPI document as one readable page: no scripts, nothing from outside.
struct DocsPage {
    private let document: JSONValue

    init(_ document: JSONValue) {
        self.document = document
    }

    /// The page holds its own style and nothing else: no script, nothing from outside, no frame
    /// around it (CSP Level 3).
    static let headers: HTTPFields = {
        let hash = Data(SHA256.hash(data: Data(style.utf8))).base64EncodedString()
        var headers = HTTPFields()
        headers[.contentSecurityPolicy] = """
            default-src 'none'; style-src 'sha256-\(hash)'; base-uri 'none'; \
            form-action 'none'; frame-ancestors 'none'
            """
        headers[.referrerPolicy] = "no-referrer"
        return headers
    }()

    var html: String {
        let title = escape(document["info"]?["title"]?.string ?? "")
        let about = escape(document["info"]?["description"]?.string ?? "")
        let tags = document["tags"]?.array ?? []
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            <style>\(Self.style)</style>
            </head>
            <body>
            <header><h1>\(title)</h1><p>\(about)</p>
            <p>The same as data: <a href="/openapi.json">openapi.json</a></p></header>
            <nav>\(tags.map(navigation).joined())</nav>
            <main>\(tags.map(section).joined())
            <section><h2 id="schemas">Schemas</h2>\(schemas)</section></main>
            </body>
            </html>

            """
    }

    private var operations: [(method: String, path: String, operation: JSONValue)] {
        (document["paths"]?.object?.members ?? []).flatMap { path in
            (path.value.object?.members ?? []).map { ($0.key, path.key, $0.value) }
        }
    }

    private func operations(
        of tag: String
    ) -> [(method: String, path: String, operation: JSONValue)] {
        operations.filter { $0.operation["tags"]?[0]?.string == tag }
    }

    private func navigation(_ tag: JSONValue) -> String {
        let name = tag["name"]?.string ?? ""
        let links = operations(of: name).map { entry in
            let id = escape(entry.operation["operationId"]?.string ?? "")
            let method = escape(entry.method.uppercased())
            return "<li><a href=\"#\(id)\"><b>\(method)</b> \(escape(entry.path))</a></li>"
        }
        return "<h3>\(escape(name))</h3><ul>\(links.joined())</ul>"
    }

    private func section(_ tag: JSONValue) -> String {
        let name = tag["name"]?.string ?? ""
        let about = tag["description"]?.string ?? ""
        let entries = operations(of: name).map(article).joined()
        return "<section><h2>\(escape(name))</h2><p>\(escape(about))</p>\(entries)</section>"
    }

    private func article(
        _ entry: (method: String, path: String, operation: JSONValue)
    ) -> String {
        let operation = entry.operation
        var html = """
            <article id="\(escape(operation["operationId"]?.string ?? ""))">
            <h3><span class="method \(escape(entry.method))">\(escape(entry.method.uppercased()))\
            </span> <code>\(escape(entry.path))</code></h3>
            <p><b>\(escape(operation["summary"]?.string ?? "")).</b> \
            \(escape(operation["description"]?.string ?? ""))</p>
            <p class="needs">\(needs(operation))</p>
            """
        let parameters = operation["parameters"]?.array ?? []
        if !parameters.isEmpty {
            let rows = parameters.map { parameter in
                row(
                    parameter["name"]?.string ?? "",
                    "\(parameter["in"]?.string ?? ""), \(kind(parameter["schema"]))",
                    parameter["description"]?.string ?? "")
            }
            html += "<h4>Parameters</h4><table>\(rows.joined())</table>"
        }
        if let body = operation["requestBody"]?["content"]?["application/json"]?["schema"] {
            html += "<h4>Body</h4><p>\(kind(body))</p>"
        }
        let rows = (operation["responses"]?.object?.members ?? []).map { response in
            let content = response.value["content"]?.object?.members.first?.value["schema"]
            return row(
                response.key, kind(content), response.value["description"]?.string ?? "")
        }
        return html + "<h4>Answers</h4><table>\(rows.joined())</table></article>"
    }

    private func needs(_ operation: JSONValue) -> String {
        let schemes = operation["security"]?[0]?.object?.members.map(\.key) ?? []
        if schemes.isEmpty { return "Open to everyone." }
        let names = schemes.map {
            $0 == "user" ? "an access token" : "<code>X-Internal-API-Key</code>"
        }
        return "Needs \(names.joined(separator: " and "))."
    }

    private var schemas: String {
        (document["components"]?["schemas"]?.object?.members ?? []).map { schema in
            let required = schema.value["required"]?.array?.compactMap(\.string) ?? []
            let rows = (schema.value["properties"]?.object?.members ?? []).map { property in
                let mark = required.contains(property.key) ? "" : ", optional"
                return row(
                    property.key, kind(property.value) + mark,
                    property.value["description"]?.string ?? "")
            }
            return """
                <article id="schema-\(escape(schema.key))"><h3>\(escape(schema.key))</h3>
                <p>\(escape(schema.value["description"]?.string ?? ""))\(values(schema.value))</p>
                <table>\(rows.joined())</table></article>
                """
        }.joined()
    }

    /// Those of an enumeration.
    private func values(_ schema: JSONValue) -> String {
        schema["enum"] == nil ? "" : kind(schema)
    }

    private func row(_ name: String, _ kind: String, _ about: String) -> String {
        "<tr><td><code>\(escape(name))</code></td><td>\(kind)</td>"
            + "<td>\(escape(about))</td></tr>"
    }

    /// A schema in a few words, linked where it has a name.
    private func kind(_ schema: JSONValue?) -> String {
        guard let schema else { return "" }
        if let reference = schema["$ref"]?.string {
            let name = escape(String(reference.split(separator: "/").last ?? ""))
            return "<a href=\"#schema-\(name)\">\(name)</a>"
        }
        if let either = schema["anyOf"]?.array { return either.map(kind).joined(separator: " or ") }
        if let values = schema["enum"]?.array {
            return values.compactMap(\.string).map { "<code>\(escape($0))</code>" }
                .joined(separator: " | ")
        }
        let type = schema["type"]?.string ?? ""
        if type == "array" { return "list of \(kind(schema["items"]))" }
        var text = escape(schema["format"]?.string ?? type)
        if let least = schema["minimum"]?.int, let most = schema["maximum"]?.int {
            text += " \(least)–\(most)"
        }
        if let most = schema["maxLength"]?.int {
            text += ", \(schema["minLength"]?.int ?? 0)–\(most) characters"
        }
        return text
    }

    private func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }

    private static let style = """
        :root{color-scheme:light dark;--line:#8884;--soft:#8882}
        body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem 2rem;
        display:grid;grid-template-columns:17rem 1fr;gap:0 2rem}
        header{grid-column:1/-1}nav{font-size:.8rem;position:sticky;top:0;max-height:100vh;
        overflow:auto;align-self:start}nav ul{list-style:none;padding:0;margin:0}
        nav h3{margin:.8rem 0 .2rem}nav a{text-decoration:none;color:inherit}
        article{border-top:1px solid var(--line);padding:.5rem 0 1rem}
        h4{margin:.8rem 0 .2rem}code{font:0.9em ui-monospace,monospace}
        table{border-collapse:collapse;width:100%;font-size:.9rem}
        td{border-top:1px solid var(--soft);padding:.25rem .5rem;vertical-align:top}
        td:first-child{width:13rem}td:nth-child(2){width:16rem}
        .method{font:bold .8rem ui-monospace,monospace;padding:.15rem .4rem;border-radius:.3rem;
        background:var(--soft)}.get{color:#07813f}.post{color:#1257c4}.patch{color:#9a5b00}
        .delete{color:#b3261e}.needs{font-size:.9rem;opacity:.8;margin:.2rem 0}
        @media(max-width:60rem){body{display:block}nav{position:static;max-height:none}}
        """
}

extension HTTPField.Name {
    // The name is a valid one, which the initializer cannot know.
    fileprivate static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
