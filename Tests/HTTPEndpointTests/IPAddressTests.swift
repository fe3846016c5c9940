import HTTPEndpoint
import Testing

@Suite("Addresses")
struct IPAddressTests {
    @Test(
        "An address has one text however it is written",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:0201", "192.0.2.1"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("::1", "::1"), ("0:0::1", "::1"),
        ])
    func oneText(written: String, text: String) {
        #expect(IPAddress(written)?.text == text)
    }

    @Test(
        "What is no address alone is none",
        arguments: [
            "", " ", "192.0.2", "192.0.2.256", "192.0.2.1 ", "192.0.2.1:80", "[::1]", "::1%eth0",
            "fe80", "1:2:3", "example.test", "192.0.2.1\u{0}",
        ])
    func noAddress(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(
        "What is neither an address nor a network is none",
        arguments: [
            "", "10.0.0.0/", "/8", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8",
            "10.0.0.0/+8", "::1/129", "::ffff:10.0.0.0/95", "127.0.0.1:80", "example.test",
        ])
    func noNetwork(text: String) {
        #expect(IPNetwork(text) == nil)
    }

    @Test(
        "A network has the addresses that begin like it",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/8", "10.9.9.9", true), ("192.0.2.128/25", "192.0.2.127", false),
            ("192.0.2.128/25", "192.0.2.129", true), ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false), ("192.0.2.1/32", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.0/120", "192.0.2.9", true), ("::ffff:192.0.2.0/120", "::9", false),
            ("0.0.0.0/0", "203.0.113.1", true), ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false), ("::/0", "2001:db8::1", true),
        ])
    func network(written: String, address: String, isInside: Bool) throws {
        let network = try #require(IPNetwork(written))
        let address = try #require(IPAddress(address))
        #expect(network.contains(address) == isInside)
    }

    @Test("The addresses of one subscriber are one network")
    func subscriber() {
        #expect(IPAddress("2001:db8:1:2::1")?.subscriberNetwork == "2001:db8:1:2::/64")
        #expect(IPAddress("2001:db8:1:2:ffff::9")?.subscriberNetwork == "2001:db8:1:2::/64")
        #expect(IPAddress("::ffff:192.0.2.1")?.subscriberNetwork == "192.0.2.1")
    }

    @Test("Loopback is known in both families, and inside IPv6")
    func loopback() {
        for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            #expect(IPAddress(text)?.isLoopback == true)
        }
        for text in ["128.0.0.1", "::", "::2", "1::1"] {
            #expect(IPAddress(text)?.isLoopback == false)
        }
    }
}
