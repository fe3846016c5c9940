import CCurl
import Foundation

/// One easy handle of libcurl, and the only place that calls it. It belongs to one thread.
final class CurlHandle {
    let easy: UnsafeMutableRawPointer

    private static let isReady = cuebx_curl_global_init() == CURLE_OK

    init?() {
        guard Self.isReady, let easy = curl_easy_init() else { return nil }
        self.easy = easy
    }

    deinit {
        curl_easy_cleanup(easy)
    }

    /// Forgets every option of the transfer before; open connections and TLS sessions stay.
    ///
    /// - Parameter protocols: the only schemes that libcurl may speak, e.g. `http,https`.
    func prepare(url: String, protocols: String, remaining: Duration) {
        curl_easy_reset(easy)
        // Signals belong to the process, not to one of its threads.
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_PROTOCOLS_STR, protocols)
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_TIMEOUT_MS, remaining.wholeMilliseconds)
        set(CURLOPT_CONNECTTIMEOUT_MS, min(remaining, maximumConnectTime).wholeMilliseconds)
        set(CURLOPT_URL, url)
        // A proxy from the environment is for the world outside, not for this machine.
        if hasLoopbackHost(url) { set(CURLOPT_PROXY, "") }
    }

    func set(_ option: CURLoption, _ value: Int) {
        check(cuebx_curl_set_long(easy, option, value), option)
    }

    /// libcurl copies the text.
    func set(_ option: CURLoption, _ value: String) {
        check(cuebx_curl_set_string(easy, option, value), option)
    }

    func setSize(_ option: CURLoption, _ value: Int) {
        check(cuebx_curl_set_offset(easy, option, curl_off_t(value)), option)
    }

    /// What is pointed at must live until the transfer is over.
    func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer) {
        check(cuebx_curl_set_pointer(easy, option, value), option)
    }

    /// The list must live until the transfer is over.
    func set(_ option: CURLoption, _ list: CurlList) {
        check(cuebx_curl_set_list(easy, option, list.first), option)
    }

    func set(_ option: CURLoption, _ function: cuebx_curl_transfer) {
        check(cuebx_curl_set_transfer(easy, option, function), option)
    }

    func run() -> CURLcode {
        curl_easy_perform(easy)
    }

    /// The status of an HTTP answer, or the last reply code of an SMTP server; 0 for none.
    var responseCode: Int { cuebx_curl_get_long(easy, CURLINFO_RESPONSE_CODE) }

    /// Bytes of the request that have left; the head counts, the body does not.
    var requestBytes: Int { cuebx_curl_get_long(easy, CURLINFO_REQUEST_SIZE) }

    /// An option that libcurl does not know is a mistake of this file: Package.swift and the
    /// README name the oldest libcurl that has them all.
    private func check(_ code: CURLcode, _ option: CURLoption) {
        precondition(code == CURLE_OK, "libcurl refuses option \(option.rawValue)")
    }
}

/// A list of strings in libcurl's own form, freed with this object.
final class CurlList {
    private(set) var first: UnsafeMutablePointer<curl_slist>?

    func append(_ text: String) {
        // NULL means that memory ran out; the list so far stays as it was.
        if let longer = curl_slist_append(first, text) { first = longer }
    }

    deinit {
        curl_slist_free_all(first)
    }
}

/// libcurl's own words for an error; they never hold anything of the request.
func reason(_ code: CURLcode) -> String {
    String(cString: curl_easy_strerror(code))
}

/// Whether the URL's host is this machine itself.
func hasLoopbackHost(_ url: String) -> Bool {
    guard let host = URLComponents(string: url)?.host?.lowercased() else { return false }
    return isLoopback(host: host)
}

func isLoopback(host: String) -> Bool {
    if ["localhost", "::1", "[::1]"].contains(host) { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
}

extension Duration {
    /// At least 1: libcurl reads 0 as "no limit".
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        let limit = Int64(Int32.max)
        guard seconds < limit / 1000 else { return Int(limit) }
        return max(1, Int(seconds * 1000 + attoseconds / 1_000_000_000_000_000))
    }
}
