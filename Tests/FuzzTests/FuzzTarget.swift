import Foundation
import HTTPEndpoint
import HTTPTypes
import JSON
import NIOHTTP1
import Stripe

/// A promise that an input has broken.
struct BrokenPromise: Error, CustomStringConvertible {
    let description: String
}

/// Every parser of our own, each with what must be true of it whatever it is given. That nothing
/// crashes is true of all of them.
enum FuzzTarget: String, CaseIterable {
    case json
    case jsonWriter
    case stripeSignature
    case form
    case query
    case cursor
    case jwt
    case base64URL
    case timestamp
    case uuid
    case credits
    case email
    case headers
    case decoder

    func run(_ bytes: [UInt8]) throws(BrokenPromise) {
        switch self {
        case .json: try Promises.json(bytes)
        case .jsonWriter: try Promises.jsonWriter(bytes)
        case .stripeSignature: try Promises.stripeSignature(bytes)
        case .form: try Promises.form(bytes)
        case .query: try Promises.query(bytes)
        case .cursor: try Promises.cursor(bytes)
        case .jwt: try Promises.jwt(bytes)
        case .base64URL: try Promises.base64URL(bytes)
        case .timestamp: try Promises.timestamp(bytes)
        case .uuid: try Promises.uuid(bytes)
        case .credits: try Promises.credits(bytes)
        case .email: try Promises.email(bytes)
        case .headers: try Promises.headers(bytes)
        case .decoder: try Promises.decoder(bytes)
        }
    }

    /// Inputs that parse, for mutations to start from.
    var seeds: [String] {
        switch self {
        case .json, .jsonWriter:
            [
                #"{"a":[1,-0.5e+3,true,false,null,"\u00e9\n"],"b":{"c":{}},"":[]}"#,
                #" [ "\ud83d\ude00" , "é" , 0 ] "#, #""\"\\\/\b\f\n\r\t""#, "-1.25E-2",
            ]
        case .stripeSignature:
            [
                "t=1700000000,v1=" + String(repeating: "0a", count: 32),
                "t=1, v1=00,v0=ff,v1=" + String(repeating: "f", count: 64),
            ]
        case .form, .query:
            ["cursor=abc&limit=20", "a=%41+b&a=%C3%A9&=&c", "items[0][price]=x&m[k]=v%00"]
        case .cursor:
            ["AZ8KfFWreHK7cTwGNRsFaw", "AAAAAAAAAAAAAAAAAAAAAA", "-_-_-_-_-_-_-_-_-_-_-A"]
        case .jwt:
            [
                "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDB9.AAAA",
                "{\"alg\":\"HS256\",\"typ\":\"JWT\"}\n{\"exp\":17e8,\"nbf\":1.5,\"sub\":\"x\"}",
                "{\"alg\":\"ES256\",\"kid\":\"k\"}\n{\"exp\":253402300799.9,\"aud\":[\"a\"]}",
            ]
        case .base64URL: ["", "AA", "AAA", "AAAA", "_-9z"]
        case .timestamp:
            [
                "2026-11-23T22:10:00.123456Z", "1970-01-01", "9999-12-31t23:59:59+00:00",
                "2024-02-29T12:00:00-23:59",
            ]
        case .uuid:
            ["0198c0de-0000-7000-8000-000000000001", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"]
        case .credits: ["0.000001", "-1.5", "25", "1000000000", "999999999999.999999"]
        case .email: ["a@b.co", "first.last+tag@mail.example.test", "x!#$%&'*/=?^_`{|}~@a-b.c1"]
        case .headers:
            ["X-Request-ID: abc\nx-request-id: d\nAccept: */*", "X-REQUEST-ID: a.b-c_1"]
        case .decoder:
            [
                """
                {"text":"abc","id":"0198c0de-0000-7000-8000-000000000001","count":7,"flag":true,\
                "at":"2026-01-01T00:00:00Z","kind":"SUCCESS","hex":"00ff","inner":{"text":"x"}}
                """,
                #"{"text":"a","id":1,"count":1e3,"flag":"true","at":0,"kind":"x","hex":""}"#,
            ]
        }
    }
}

extension [UInt8] {
    var text: String { String(decoding: self, as: UTF8.self) }
}
