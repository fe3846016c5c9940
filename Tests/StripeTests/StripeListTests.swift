import HTTPClient
import JSON
import Stripe
import Testing

@Suite("Reading a list of Stripe's")
struct StripeListTests {
    func page(_ ids: [String], hasMore: Bool) -> ScriptedTransport.Outcome {
        let objects = ids.map { Fixture.invoice.replacing("\"in_1\"", with: "\"\($0)\"") }
        return .success(.json(Fixture.list(objects, hasMore: hasMore)))
    }

    @Test("Pages are followed to the end, each from the last object before")
    func pages() async throws {
        let transport = ScriptedTransport([
            page(["in_3", "in_2"], hasMore: true), page(["in_1"], hasMore: false),
        ])
        let invoices = try await transport.client().listInvoices("sub_1")
        #expect(invoices.map(\.id) == ["in_3", "in_2", "in_1"])
        #expect(transport.requests.map { $0.url.contains("starting_after=in_2") } == [false, true])
    }

    @Test("A list that never ends is not followed beyond its bound")
    func endless() async throws {
        let ids = (0..<100).map { "in_\($0)" }
        let transport = ScriptedTransport([page(ids, hasMore: true)])
        let invoices = try await transport.client().listInvoices("sub_1")
        #expect(invoices.count == maximumListedObjects)
        #expect(transport.requests.count == 10)
    }

    @Test("An empty page ends the list, whatever it says of more")
    func emptyPage() async throws {
        let transport = ScriptedTransport([page([], hasMore: true)])
        #expect(try await transport.client().listInvoices("sub_1").isEmpty)
        #expect(transport.requests.count == 1)
    }

    @Test("No price is found where none has exactly this lookup key")
    func findPrice() async throws {
        let client = try ScriptedTransport(answer: Fixture.list([Fixture.price])).client()
        #expect(try await client.findPrice("career_plus_monthly")?.id == "price_1")
        #expect(try await client.findPrice("career_pro_monthly") == nil)
    }

    @Test(
        "An answer that is no list, or holds a broken object, is an error",
        arguments: [
            "{}", "[]", #"{"data":[]}"#, #"{"data":{},"has_more":false}"#,
            #"{"data":[{"object":"invoice"}],"has_more":false}"#,
        ])
    func broken(answer: String) async throws {
        let client = try ScriptedTransport(answer: answer).client()
        let error = await failure { () throws(StripeError) in try await client.listInvoices("s") }
        guard case .malformedResponse = error?.kind else {
            Issue.record("expected malformedResponse, got \(String(describing: error))")
            return
        }
    }
}
