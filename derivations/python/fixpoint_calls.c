/* _fixpoint_calls: system calls for a static Python, which has no ctypes; see store/system/builtin_calls.py.
   Arguments are numbers, bytes and None; -1 is a failure, and last_error() says which. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <unistd.h>

static __thread int failure;

static int word(PyObject *from, unsigned long *to)
{
    if (from == Py_None)
        *to = 0;
    else if (PyBytes_Check(from))
        *to = (unsigned long)PyBytes_AS_STRING(from);
    else
        *to = PyLong_AsUnsignedLongMask(from);
    return PyErr_Occurred() == NULL;
}

static PyObject *call(PyObject *const *args, Py_ssize_t count, int locked)
{
    unsigned long w[7] = {0};
    long result;
    if (count < 1 || count > 7)
        return PyErr_Format(PyExc_TypeError, "a system call has a number, and at most 6 arguments");
    for (Py_ssize_t i = 0; i < count; i++)
        if (!word(args[i], &w[i]))
            return NULL;
    PyThreadState *state = locked ? NULL : PyEval_SaveThread();
    result = syscall((long)w[0], w[1], w[2], w[3], w[4], w[5], w[6]);
    failure = errno;
    if (state)
        PyEval_RestoreThread(state);
    return PyLong_FromLong(result);
}

static PyObject *free_call(PyObject *m, PyObject *const *args, Py_ssize_t count) { return call(args, count, 0); }
static PyObject *locked_call(PyObject *m, PyObject *const *args, Py_ssize_t count) { return call(args, count, 1); }
static PyObject *last_error(PyObject *m, PyObject *none) { return PyLong_FromLong(failure); }

static PyObject *address(PyObject *m, PyObject *buffer)
{
    if (!PyByteArray_Check(buffer))
        return PyErr_Format(PyExc_TypeError, "not a bytearray");
    return PyLong_FromUnsignedLong((unsigned long)PyByteArray_AS_STRING(buffer));
}

static PyMethodDef methods[] = {
    {"syscall", (PyCFunction)(void (*)(void))free_call, METH_FASTCALL, NULL},
    {"locked_syscall", (PyCFunction)(void (*)(void))locked_call, METH_FASTCALL, NULL},
    {"last_error", last_error, METH_NOARGS, NULL},
    {"address", address, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_fixpoint_calls", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__fixpoint_calls(void) { return PyModule_Create(&definition); }
