import HTTPEndpoint
import JSON
import Testing

@Suite("A form is read by the same kinds of input as JSON")
struct FormBodyTests {
    private struct Order: JSONInput {
        let name: String?
        let number: Int64
        let isGift: Bool

        static let about = "An order."

        init(_ reader: inout ObjectReader) {
            name = reader.optional("name", .text(1...10), "A name.")
            number = reader.required("number", .integer(1...5), "How many.")
            isGift = reader.optional("is_gift", .bool, default: false, "A gift.")
        }
    }

    private func read(_ form: String) throws -> Order {
        let fields = try FormBody.fields(Array(form.utf8))
        let object = FormBody.object(fields, InputKind<Order>.object(Order.self).schema)
        return try Order.decode(.object(object))
    }

    @Test("Texts become what the schema says; an empty field has no value")
    func kinds() throws {
        let order = try read("name=%C3%89va+B&number=3&is_gift=on&other=1")
        #expect(order.name == "Éva B" && order.number == 3 && order.isGift)
        let plain = try read("name=&number=5")
        #expect(plain.name == nil && !plain.isGift)
    }

    @Test(
        "What is wrong is told as of JSON",
        arguments: [
            ("number=", "missing"), ("", "missing"), ("number=abc", "int_type"),
            ("number=6", "less_than_equal"), ("number=1&name=12345678901", "string_too_long"),
            ("number=1&name=%00", "string_nul"), ("number=1.0", "int_type"),
            ("number=%5B1%5D", "int_type"),
        ])
    func wrong(form: String, type: String) {
        do {
            _ = try read(form)
            Issue.record("it was read")
        } catch {
            #expect((error as? Problem)?.errors.map(\.type) == [type])
        }
    }

    @Test(
        "What is no form is refused", arguments: ["a=%ZZ", "a=%FF", "a=1&a=2", "number=1&number=1"])
    func noForm(form: String) {
        #expect(throws: Problem.self) { try read(form) }
        #expect(throws: Problem.self) { try FormBody.fields([0xff, 0x3d]) }
    }

    @Test("A query's encoding is undone by its reading")
    func encoding() throws {
        for text in ["a b&c=d", "é%/?#", "", "\u{1F600}+"] {
            let pair = "k=" + QueryString.encode(text)
            #expect(try QueryString.parse(pair[...])["k"] == [text])
        }
    }

    @Test(
        "HTML is for whoever names it",
        arguments: [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true), ("TEXT/HTML", true),
            ("application/json, text/html;q=0.5", true), ("*/*", false), ("", false),
            ("text/html;q=0", false), ("text/html; q=0.000", false), ("text/htmlx", false),
            ("application/json", false),
        ])
    func accept(header: String, isHTML: Bool) {
        #expect(Accept.prefersHTML(RequestHeaders(["Accept": header])) == isHTML)
    }
}
