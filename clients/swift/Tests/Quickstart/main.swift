import CueBX

let career = try Client()  // CUEBX_URL, CUEBX_INTERNAL_KEY
let token = CommandLine.arguments[1]

let score = try await career.metered("career.job_match", user: token, payload: "a résumé") { _ in
    7  // What your model says.
}
print("The score is \(score).")
await career.close()
