/* _fixpoint_ed25519: Ed25519 for a static Python, by libsodium; see store/signing/ed25519.py. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <sodium/crypto_sign_ed25519.h>

static int key_pair(const unsigned char *seed, Py_ssize_t size, unsigned char *public, unsigned char *secret)
{
    if (size != crypto_sign_ed25519_SEEDBYTES) {
        PyErr_SetString(PyExc_ValueError, "a seed has 32 bytes");
        return 0;
    }
    crypto_sign_ed25519_seed_keypair(public, secret, seed);
    return 1;
}

static PyObject *public(PyObject *m, PyObject *args)
{
    const unsigned char *seed;
    unsigned char pk[32], sk[64];
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "y#", &seed, &size) || !key_pair(seed, size, pk, sk))
        return NULL;
    return PyBytes_FromStringAndSize((char *)pk, sizeof pk);
}

static PyObject *sign(PyObject *m, PyObject *args)
{
    const unsigned char *seed, *message;
    unsigned char pk[32], sk[64], signature[64];
    Py_ssize_t size, length;
    if (!PyArg_ParseTuple(args, "y#y#", &seed, &size, &message, &length) || !key_pair(seed, size, pk, sk))
        return NULL;
    crypto_sign_ed25519_detached(signature, NULL, message, length, sk);
    return PyBytes_FromStringAndSize((char *)signature, sizeof signature);
}

static PyObject *verify(PyObject *m, PyObject *args)
{
    const unsigned char *pk, *signature, *message;
    Py_ssize_t size, count, length;
    if (!PyArg_ParseTuple(args, "y#y#y#", &pk, &size, &signature, &count, &message, &length))
        return NULL;
    return PyBool_FromLong(size == crypto_sign_ed25519_PUBLICKEYBYTES && count == crypto_sign_ed25519_BYTES
                           && crypto_sign_ed25519_verify_detached(signature, message, length, pk) == 0);
}

static PyMethodDef methods[] = {
    {"public", public, METH_VARARGS, NULL},
    {"sign", sign, METH_VARARGS, NULL},
    {"verify", verify, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_fixpoint_ed25519", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__fixpoint_ed25519(void) { return PyModule_Create(&definition); }
