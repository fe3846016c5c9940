import CCurl

extension CurlHandle {
    /// Makes one HTTP request and waits for its end.
    func perform(
        _ request: HTTPRequest, deadline: ContinuousClock.Instant
    ) -> Result<HTTPResponse, HTTPClientError> {
        let remaining = deadline - ContinuousClock.now
        guard remaining > .zero else { return .failure(.timedOut) }
        guard isHTTPURL(request.url) else { return .failure(.invalidURL) }
        guard let headers = headerList(request) else { return .failure(.invalidRequest) }

        prepare(url: request.url, protocols: "http,https", remaining: remaining)
        set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        set(CURLOPT_HTTPHEADER, headers)
        set(CURLOPT_WRITEFUNCTION, receiveBody)
        set(CURLOPT_HEADERFUNCTION, receiveHeader)

        let answer = HTTPAnswer()
        let context = Unmanaged.passUnretained(answer).toOpaque()
        set(CURLOPT_WRITEDATA, context)
        set(CURLOPT_HEADERDATA, context)
        let code = withExtendedLifetime((answer, headers)) { run(request) }

        if answer.isTooLarge { return .failure(.responseTooLarge) }
        guard code == CURLE_OK else { return .failure(httpError(code)) }
        return .success(
            HTTPResponse(status: responseCode, headers: answer.headers, body: answer.body))
    }

    private func run(_ request: HTTPRequest) -> CURLcode {
        guard request.body != nil || ["POST", "PUT", "PATCH"].contains(request.method) else {
            if request.method == "HEAD" {
                set(CURLOPT_NOBODY, 1)
            } else {
                set(CURLOPT_HTTPGET, 1)
                set(CURLOPT_CUSTOMREQUEST, request.method)
            }
            return run()
        }
        // libcurl reads a NULL here as "ask the read function", so an empty body needs a place.
        var body = request.body ?? []
        let size = body.count
        if body.isEmpty { body = [0] }
        return body.withUnsafeMutableBytes { bytes in
            set(CURLOPT_POST, 1)
            setSize(CURLOPT_POSTFIELDSIZE_LARGE, size)
            if let start = bytes.baseAddress { set(CURLOPT_POSTFIELDS, start) }
            set(CURLOPT_CUSTOMREQUEST, request.method)
            return run()
        }
    }

    private func httpError(_ code: CURLcode) -> HTTPClientError {
        switch code {
        case CURLE_URL_MALFORMAT:
            .invalidURL
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
            CURLE_PROXY, CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER:
            .cannotConnect(reason: reason(code))
        case CURLE_OPERATION_TIMEDOUT:
            requestBytes == 0 ? .cannotConnect(reason: "no connection in time") : .timedOut
        case CURLE_UNSUPPORTED_PROTOCOL where requestBytes > 0:
            .connectionLost(reason: "it is not HTTP")
        default:
            .connectionLost(reason: reason(code))
        }
    }
}

/// What has arrived of an answer. Only the thread of its transfer touches it.
private final class HTTPAnswer {
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    var isTooLarge = false
    private var headerBytes = 0
    private var isHeadComplete = false

    /// Takes one line of a head; false refuses the rest of the answer.
    func take(headerLine: UnsafeRawBufferPointer) -> Bool {
        headerBytes += headerLine.count
        guard headerBytes <= maximumHeaderBytes else {
            isTooLarge = true
            return false
        }
        let line = String(decoding: headerLine, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // An interim answer (100, 103) has a head of its own, which the next one replaces.
            headers = []
            isHeadComplete = false
        } else if line == "\r\n" || line == "\n" {
            isHeadComplete = true
        } else if !isHeadComplete, let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...]
            headers.append((String(line[..<colon]), value.trimmingHTTPSpace))
        }
        return true
    }

    /// Takes the next bytes of the body; false refuses the rest of the answer.
    func take(bodyBytes: UnsafeRawBufferPointer) -> Bool {
        guard body.count + bodyBytes.count <= maximumResponseBytes else {
            isTooLarge = true
            return false
        }
        body.append(contentsOf: bodyBytes)
        return true
    }
}

private let receiveBody: cuebx_curl_transfer = { bytes, size, count, context in
    receive(bytes, size * count, context) { $0.take(bodyBytes: $1) }
}

private let receiveHeader: cuebx_curl_transfer = { bytes, size, count, context in
    receive(bytes, size * count, context) { $0.take(headerLine: $1) }
}

/// Answers the number of bytes that were taken; another number than `count` ends the transfer.
private func receive(
    _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ context: UnsafeMutableRawPointer?,
    _ take: (HTTPAnswer, UnsafeRawBufferPointer) -> Bool
) -> Int {
    guard count > 0, let bytes, let context else { return 0 }
    let answer = Unmanaged<HTTPAnswer>.fromOpaque(context).takeUnretainedValue()
    return take(answer, UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
}

/// The header fields in libcurl's form, or nil where one could not be sent as it is.
private func headerList(_ request: HTTPRequest) -> CurlList? {
    guard isToken(request.method) else { return nil }
    let list = CurlList()
    // libcurl adds these two by itself: a pause of a second before large bodies, and a form's type.
    list.append("Expect:")
    if !request.headers.contains(where: { $0.0.lowercased() == "content-type" }) {
        list.append("Content-Type:")
    }
    for (name, value) in request.headers {
        guard isToken(name), value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
        else { return nil }
        // "Name:" would remove the field; "Name;" sends it with an empty value.
        list.append(value.isEmpty ? "\(name);" : "\(name): \(value)")
    }
    return list
}

/// RFC 9110 §5.6.2.
private func isToken(_ text: String) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"):
                true
            default:
                "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
}

private func isHTTPURL(_ url: String) -> Bool {
    let lowercased = url.lowercased()
    return (lowercased.hasPrefix("http://") || lowercased.hasPrefix("https://"))
        && url.utf8.count <= maximumURLBytes
        && url.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
}

extension Substring {
    /// The text without the white space that RFC 9110 §5.5 allows around a field's value.
    fileprivate var trimmingHTTPSpace: String {
        var text = self
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
