// Stands in for a native library, which its package downloads when it is installed. No session of the SDK
// here is encrypted.
module.exports = {};
